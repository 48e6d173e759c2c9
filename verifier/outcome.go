package verifier

import "fmt"

// Outcome is what a verdict comes to. The zero value is Inconclusive: an
// outcome that nobody has decided is no pass.
type Outcome uint8

// Outcomes of a verdict.
const (
	Inconclusive Outcome = iota
	Pass
	Fail
)

// String is "inconclusive", "pass" or "fail". It is "inconclusive" for a value
// that is none of them.
func (o Outcome) String() string {
	switch o {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	}
	return "inconclusive"
}

// MarshalText writes what String returns.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText writes, and nothing else.
func (o *Outcome) UnmarshalText(text []byte) error {
	for _, v := range []Outcome{Inconclusive, Pass, Fail} {
		if string(text) == v.String() {
			*o = v
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %.40q: want pass, fail or inconclusive", text)
}
