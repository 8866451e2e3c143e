package tokens

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Heads are the last seals of chains at one moment, in ascending order of user id. Wallets without
// seals have none.
type Heads []Seal

// Hash returns the SHA-256 of all heads, in the form of WriteTo.
func (h Heads) Hash() [sha256.Size]byte {
	sum := sha256.New()
	for _, head := range h {
		sum.Write(head.line())
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

func (s Seal) line() []byte { return fmt.Appendf(nil, "%s %d %x\n", s.UserID, s.Seq, s.Hash) }

// WriteTo writes a line for each head: the user's id, the seq and the hash of the seal. The last
// line has the word heads, their number and Hash. It implements io.WriterTo.
func (h Heads) WriteTo(w io.Writer) (n int64, err error) {
	var all bytes.Buffer
	for _, head := range h {
		all.Write(head.line())
	}
	fmt.Fprintf(&all, "heads %d %x\n", len(h), h.Hash())
	return all.WriteTo(w)
}

// ReadHeads reads what WriteTo wrote. Errors: fault.Invalid if a line is malformed, out of order or
// missing, if a line was changed, so that the hash of the last line is another one, or if there is
// text after it; and those of r.
func ReadHeads(r io.Reader) (Heads, error) {
	lines := bufio.NewScanner(r)
	var heads Heads
	for n := 1; lines.Scan(); n++ {
		words := strings.Split(lines.Text(), " ")
		if len(words) == 3 && words[0] == "heads" {
			if err := heads.isWhole(lines, words[1], words[2]); err != nil {
				return nil, err
			}
			return heads, nil
		}
		head, err := parseHead(words)
		if err != nil {
			return nil, malformed("line %d is not a user's id, a seq and a hash", n)
		}
		if last := len(heads) - 1; last >= 0 && heads[last].UserID.Compare(head.UserID) >= 0 {
			return nil, malformed("line %d is not in ascending order of user ids", n)
		}
		heads = append(heads, head)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return nil, malformed("the last line, with the number of heads and their hash, is missing")
}

// isWhole checks the last line, which no other follows.
func (h Heads) isWhole(lines *bufio.Scanner, number, hash string) error {
	want := h.Hash()
	switch {
	case lines.Scan():
		return malformed("there is text after the line with the number of heads")
	case lines.Err() != nil:
		return fmt.Errorf("read heads: %w", lines.Err())
	case number != strconv.Itoa(len(h)):
		return malformed("there are %d heads instead of %s", len(h), number)
	case hash != hex.EncodeToString(want[:]):
		return malformed("the hash of the heads is not that of the last line")
	}
	return nil
}

func parseHead(words []string) (s Seal, err error) {
	if len(words) != 3 {
		return s, errNotAHead
	}
	if err := s.UserID.UnmarshalText([]byte(words[0])); err != nil {
		return s, err
	}
	if s.Seq, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return s, err
	}
	hash, err := hex.DecodeString(words[2])
	if err != nil || len(hash) != len(s.Hash) {
		return s, errNotAHead
	}
	s.Hash = SealHash(hash)
	return s, nil
}

var errNotAHead = errors.New("not a head")

func malformed(format string, args ...any) error {
	return fault.New(fault.Invalid, "invalid_heads", fmt.Sprintf("heads of a ledger: "+format, args...))
}
