package text

import (
	"net/mail"
	"strings"

	"golang.org/x/net/idna"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Address returns an e-mail address as it is stored, prepared by Line. It adds the field to f if s
// is not a bare mailbox of RFC 5322, without a name, at a domain that IDNA accepts.
func Address(f *fault.Fields, field, s string, maximum int) string {
	line := Line(f, field, s, Required, maximum)
	if line == "" || Length(line) > maximum {
		return line
	}
	a, err := mail.ParseAddress(line)
	_, _, known := cutAddress(line)
	f.Check(err == nil && a.Name == "" && a.Address == line && known, field, "must be an e-mail address like ada@example.org")
	return line
}

// FoldAddress returns the canonical form of an e-mail address, in which two spellings of one
// mailbox are equal: the part before the @ as Fold returns it, and the domain in the ASCII form of
// IDNA. It is Fold of the whole text if that is not an address, or if IDNA does not accept the
// domain or it has more than 253 characters.
func FoldAddress(s string) Folded {
	line := oneLine(s)
	local, domain, known := cutAddress(line)
	if !known {
		return Fold(line)
	}
	return Folded{fold(local) + "@" + domain}
}

// maxDomain is the greatest number of characters of a domain. In ASCII, no domain of the DNS has
// more. To encode a domain takes a time that grows with the square of its length.
const maxDomain = 253

// cutAddress returns the parts of an address, with its domain in ASCII. known is false if there is
// no such domain.
func cutAddress(line string) (local, domain string, known bool) {
	at := strings.LastIndexByte(line, '@')
	if at < 0 || Length(line[at+1:]) > maxDomain {
		return "", "", false
	}
	domain, err := domains.ToASCII(line[at+1:])
	return line[:at], domain, err == nil && !strings.HasSuffix(domain, ".")
}

var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
