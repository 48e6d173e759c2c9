package verifier

import "log/slog"

// SignatureHeader is the header of a verdict's event that has its signature.
const SignatureHeader = "falcogate-dsse"

// Signer signs verdicts that are published.
type Signer interface {
	// SignVerdict returns the value of SignatureHeader for a verdict and its event's data.
	// It may be called concurrently, and must not block for long.
	SignVerdict(v *Verdict, data []byte) (string, error)
}

// signedHeader is the header of a verdict's event. One that can't be signed is published
// without a signature, which whoever demands one refuses: a fail must not be lost.
func (s *Service) signedHeader(v *Verdict, data []byte) map[string]string {
	header := eventHeader(s.source, v)
	if s.signer == nil {
		return header
	}
	signature, err := s.signer.SignVerdict(v, data)
	if err != nil {
		s.meters.unsigned.Inc()
		s.logger.Error("a verdict is published without a signature", slog.String("verdict", v.ID), slog.Any("error", err))
		return header
	}
	header[SignatureHeader] = signature
	return header
}
