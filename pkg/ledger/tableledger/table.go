package tableledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/pkg/ledger"
)

var (
	errMissing = errors.New("no such row")
	errNoTable = errors.New("no such table")
	// errLost says that a write found the rows otherwise than expected: read again.
	errLost = errors.New("row changed")
	// errBusy says that the service refused a transaction with an answer that may be another soon.
	errBusy = errors.New("table service is busy")
)

// tooLarge says that the service refused a write for its size, as it will each time.
type tooLarge struct{ code, request string }

func (e *tooLarge) Error() string {
	return fmt.Sprintf("too large for the table service: %s (request %s)", e.code, e.request)
}

// denied says that the service was there and refused, for a reason that a person has to mend.
type denied struct{ text string }

func (e *denied) Error() string { return e.text }

// IsAway reports whether an error of [Store.Create] says that the service, or the identity that it asks for, could not be
// reached or had no time: it may be there again soon. A service that refuses is none.
func IsAway(err error) bool {
	_, refused := errors.AsType[*denied](err)
	return err != nil && !refused
}

// isTooLarge reports whether the service refused a write for its size.
func isTooLarge(err error) bool {
	_, ok := errors.AsType[*tooLarge](err)
	return ok
}

// refused turns the refusal of a write that was about one thing alone into the ledger's failure; other errors stay.
func refused(what string, err error) error {
	if e, ok := errors.AsType[*tooLarge](err); ok {
		return ledger.TooLarge(what, e.request)
	}
	return err
}

// table is one table, with the service's answers sorted into errors.
type table struct {
	name   string
	client *aztables.Client
	// mayLack: a table that is missing reads as empty. A worker must not believe that: its table was deleted under it.
	mayLack bool
}

func (t *table) create(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, nil)
	if res, ok := errors.AsType[*azcore.ResponseError](err); ok && res.ErrorCode == string(aztables.TableAlreadyExists) {
		return nil
	}
	return t.wrap("make", err)
}

// get reads a row; errMissing.
func (t *table) get(ctx context.Context, partition, row string) (stored, error) {
	res, err := t.client.GetEntity(ctx, partition, row, nil)
	if err = t.wrap("read", err); t.mayLack && errors.Is(err, errNoTable) {
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	found, err := decode(res.Value)
	if err == nil {
		found[etagProperty] = string(res.ETag)
	}
	return found, err
}

// add inserts a row and returns its ETag; errLost if there is one.
func (t *table) add(ctx context.Context, row []byte) (azcore.ETag, error) {
	res, err := t.client.AddEntity(ctx, row, nil)
	return res.ETag, t.wrap("insert", err)
}

// replace replaces a row and returns its ETag; errLost if the stored one has another.
func (t *table) replace(ctx context.Context, row []byte, etag azcore.ETag) (azcore.ETag, error) {
	res, err := t.client.UpdateEntity(ctx, row, &aztables.UpdateEntityOptions{IfMatch: &etag, UpdateMode: aztables.UpdateModeReplace})
	if err = t.wrap("replace", err); errors.Is(err, errMissing) {
		err = errLost
	}
	return res.ETag, err
}

// submit runs a transaction; errLost if one of its rows was otherwise than expected, or gone.
func (t *table) submit(ctx context.Context, actions []aztables.TransactionAction) error {
	_, err := t.client.SubmitTransaction(ctx, actions, nil)
	if err = t.wrap("write", err); errors.Is(err, errMissing) {
		err = errLost
	}
	return err
}

func add(row []byte) aztables.TransactionAction {
	return aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: row}
}

func replace(row []byte, etag azcore.ETag) aztables.TransactionAction {
	return aztables.TransactionAction{ActionType: aztables.TransactionTypeUpdateReplace, Entity: row, IfMatch: &etag}
}

// remove removes a row whatever its ETag; a row that is missing fails the transaction.
func remove(row []byte) aztables.TransactionAction {
	return aztables.TransactionAction{ActionType: aztables.TransactionTypeDelete, Entity: row}
}

// removeIf removes a row that has an ETag.
func removeIf(row []byte, etag azcore.ETag) aztables.TransactionAction {
	return aztables.TransactionAction{ActionType: aztables.TransactionTypeDelete, Entity: row, IfMatch: &etag}
}

// query says which rows to list: those of a partition from a row key up to, but not including, another; or those with one
// of some row keys.
type query struct {
	partition, from, to string
	keys                []string
	columns             string // comma-separated; empty for all
	page                int32  // rows per request
}

func (q query) filter() string {
	if q.keys != nil {
		return fmt.Sprintf("PartitionKey eq '%s' and %s", q.partition, among(q.keys))
	}
	return fmt.Sprintf("PartitionKey eq '%s' and RowKey ge '%s' and RowKey lt '%s'", q.partition, q.from, q.to)
}

// list yields rows in order of key.
func (t *table) list(ctx context.Context, q query) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		filter := q.filter()
		options := &aztables.ListEntitiesOptions{Filter: &filter, Top: &q.page}
		if q.columns != "" {
			options.Select = &q.columns
		}
		for pager := t.client.NewListEntitiesPager(options); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err = t.wrap("list", err); t.mayLack && errors.Is(err, errNoTable) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yieldPage(page.Entities, yield) {
				return
			}
		}
	}
}

func yieldPage(rows [][]byte, yield func(stored, error) bool) bool {
	for _, row := range rows {
		found, err := decode(row)
		if !yield(found, err) || err != nil {
			return false
		}
	}
	return true
}

// innerStatus finds the status of the operation that failed in the answer to a transaction, whose own status is 202.
var innerStatus = regexp.MustCompile(`HTTP/1\.1 ([45]\d\d)`)

// sizes are the codes by which the service refuses a row that it will never take.
var sizes = []string{
	string(aztables.EntityTooLarge), string(aztables.PropertyValueTooLarge), string(aztables.TooManyProperties),
	"RequestBodyTooLarge", "ContentLengthExceeded", "KeyValueTooLarge",
}

// wrap sorts an error of the SDK.
func (t *table) wrap(what string, err error) error {
	res, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return t.unanswered(what, err)
	}
	status, code := statusOf(res)
	switch {
	case code == string(aztables.TableNotFound):
		return fmt.Errorf("%s table %s: %w (request %s)", what, t.name, errNoTable, requestOf(res))
	case code == string(aztables.TableBeingDeleted):
	case status == http.StatusNotFound:
		return errMissing
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return errLost
	case status == http.StatusRequestEntityTooLarge || slices.Contains(sizes, code):
		return fmt.Errorf("%s table %s: %w", what, t.name, &tooLarge{code, requestOf(res)})
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return fmt.Errorf("%s table %s: %w: status %d, %s", what, t.name, errBusy, status, code)
	}
	// The SDK's own text is a page, the answer's body included.
	return &denied{fmt.Sprintf("%s table %s: %s (status %d, request %s)", what, t.name, code, status, requestOf(res))}
}

// unanswered names the request that got no answer. It leaves out the address, which may hold an access signature.
func (t *table) unanswered(what string, err error) error {
	if err == nil {
		return nil
	}
	if without, ok := errors.AsType[*url.Error](err); ok {
		err = without.Err
	}
	return fmt.Errorf("%s table %s: %w", what, t.name, err)
}

var innerCode = regexp.MustCompile(`"code"\s*:\s*"(\w+)"`)

func statusOf(res *azcore.ResponseError) (int, string) {
	if res.StatusCode != http.StatusAccepted || res.RawResponse == nil {
		return res.StatusCode, res.ErrorCode
	}
	body, err := runtime.Payload(res.RawResponse)
	if err != nil {
		return res.StatusCode, res.ErrorCode
	}
	status, code := res.StatusCode, res.ErrorCode
	if m := innerStatus.FindSubmatch(body); m != nil {
		status, _ = strconv.Atoi(string(m[1])) // three digits
	}
	if m := innerCode.FindSubmatch(body); m != nil {
		code = string(m[1])
	}
	return status, code
}

func requestOf(res *azcore.ResponseError) string {
	if res.RawResponse == nil {
		return ""
	}
	return res.RawResponse.Header.Get("x-ms-request-id")
}

func decode(row []byte) (stored, error) {
	var found stored
	if err := json.Unmarshal(row, &found); err != nil {
		return nil, fmt.Errorf("row of a table: %w", err)
	}
	return found, nil
}
