package csvfile

// Row is one record of the file, judged. Strings are trimmed, and in a row that is not refused free of control
// characters; line breaks in Text are LF. Rows own their memory: they may be kept after the next call. A row whose cells
// cannot be told apart has its address only.
type Row struct {
	Line int // line of the record's first character in the file, from 1

	Email       string // normalised, see NormalAddress; also set when it is the reason of a problem
	DisplayName string // on one line
	Text        string
	RedirectURL string
	CC          string // one normalised address
	Language    string // BCP 47 with its usual letter case, such as pt-BR or zh-Hans

	// Applications and Groups are what the row asks access to, as the file names it: ids, or display names. The app role
	// to assign may follow an application after a colon.
	Applications []string
	Groups       []string

	Cells    []string  // as they stand in the file, for the result file
	Problems []Problem // the row is refused if there is any
	Warnings []Problem
}

// Refused reports whether the row has a problem.
func (r Row) Refused() bool { return len(r.Problems) > 0 }

// Problem is what is wrong with a row. Code is stable and documented; Text says what is wrong and what to do about it.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Codes of problems; each refuses its row.
const (
	EmailMissing     = "email.missing"
	EmailInvalid     = "email.invalid"
	EmailForbidden   = "email.forbidden-character" // Microsoft refuses such addresses
	EmailNotASCII    = "email.not-ascii"
	RedirectInvalid  = "redirect.invalid"
	CCInvalid        = "cc.invalid"
	TextTooLong      = "text.too-long"
	FieldTooLong     = "field.too-long"
	ControlCharacter = "field.control-character"
	TooManyCells     = "row.too-many-cells"
	BareQuote        = "row.bare-quote"
	UnclosedQuote    = "row.unclosed-quote"
	RowTooLong       = "row.too-long"
	DamagedText      = "row.damaged-text" // letters were lost in a conversion
)

// Codes of warnings; the row goes on.
const (
	NameMissing     = "name.missing"
	EmailApostrophe = "email.apostrophe"
	LanguageUnknown = "language.unknown"
	TextHasRows     = "text.looks-like-rows" // a quoted cell may have swallowed rows
)

// Codes of failures: the file as a whole is refused.
const (
	FileEmpty           = "file.empty"
	FileNotCSV          = "file.not-csv"
	FileNoEmailColumn   = "file.no-email-column"
	FileDuplicateColumn = "file.duplicate-column"
)

// Limits of a file.
const (
	MaxText   = 10_000   // characters of the invitation text
	MaxField  = 64 << 10 // bytes of a cell
	MaxRecord = 1 << 20  // bytes of a record in the file, and so of the memory that reading takes
	MaxCells  = 1_000    // cells of a record; what follows stays in the last one
)
