package plan

import (
	"errors"

	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
	"guestlist/pkg/work"
)

// judge decides about one row and writes it to its work file. A refused target does not stop the others; a row of which
// every target is refused is rejected, and nobody is invited for it.
func (r *reading) judge(w *work.Writer, row csvfile.Row) error {
	v, err := r.allowed(row)
	if err != nil {
		return err
	}
	out := work.Row{Line: row.Line, Cells: row.Cells, Address: row.Email, DisplayName: row.DisplayName, Text: row.Text,
		RedirectURL: row.RedirectURL, CC: row.CC, Language: row.Language,
		Warnings: failures(row.Warnings), Problems: append(failures(row.Problems), failures(v.Problems)...)}
	out.Problems = append(out.Problems, tooLong(row)...)
	if len(out.Problems) == 0 {
		targets, problems, err := r.targets(v.Targets)
		if err != nil {
			return err
		}
		out.Targets, out.Problems = targets, problems
	}
	if len(out.Problems) > 0 {
		r.rejected++
	} else {
		out.Guest = message.GuestKey(out.Address)
	}
	if err := w.Add(out); err != nil {
		return storage(err)
	}
	return nil
}

// allowed asks the policy. What it lists without a name has the directory's, which is looked up once per file, when a row
// first names something that the policy's own names do not have.
func (r *reading) allowed(row csvfile.Row) (policy.Verdict, error) {
	v := r.policy.Judge(row)
	if r.named || !v.Unknown() {
		return v, nil
	}
	named, err := r.policy.Named(func(t policy.Target) (string, error) {
		j, err := r.target(t)
		return j.target.Name, err
	})
	if err != nil {
		return v, err
	}
	r.policy, r.named = named, true
	return r.policy.Judge(row), nil
}

func failures(problems []csvfile.Problem) []message.Failure {
	var out []message.Failure
	for _, p := range problems {
		out = append(out, message.Failure{Code: p.Code, Text: clip(p.Text, maxReason)})
	}
	return out
}

// targets judges the targets of a row. It returns problems only if all targets were refused.
func (r *reading) targets(asked []policy.Target) ([]ledger.Target, []message.Failure, error) {
	var all []ledger.Target
	var refused []message.Failure
	for _, t := range asked {
		j, err := r.target(t)
		if err != nil {
			return nil, nil, err
		}
		if j.problem != nil {
			j.target.Step = ledger.Step{State: ledger.Ended, Outcome: ledger.Rejected, Code: j.problem.Code, Text: j.problem.Text}
			refused = append(refused, *j.problem)
		}
		all = append(all, j.target)
	}
	if len(refused) < len(all) {
		refused = nil
	}
	return all, refused, nil
}

// target asks the policy first and then, once per target and file, the directory.
func (r *reading) target(t policy.Target) (judged, error) {
	lt := ledger.Target{Kind: ledger.TargetKind(t.Kind), ID: t.ID, Name: t.Name, Role: t.Role}
	if t.Problem != nil {
		lt.ID, lt.Name = clip(t.Asked, maxName), ""
		return judged{lt, &message.Failure{Code: t.Problem.Code, Text: clip(t.Problem.Text, maxReason)}}, nil
	}
	if j, ok := r.judged[lt.Key()]; ok {
		return j, nil
	}
	ask := r.Directory.Group
	if lt.Kind == ledger.Application {
		ask = r.Directory.Application
	}
	complete, err := ask(r.ctx, lt)
	if f, ok := errors.AsType[*message.Failure](err); ok {
		err = nil
		r.judged[lt.Key()] = judged{named(lt, complete.Name), f}
	} else if err == nil {
		r.judged[lt.Key()] = judged{target: complete}
	}
	return r.judged[lt.Key()], err
}

// named gives a refused target the directory's name, so that a person knows what was refused.
func named(t ledger.Target, name string) ledger.Target {
	t.Name = firstOf(name, t.Name)
	return t
}
