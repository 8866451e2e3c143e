package kithttp_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTwoLengths sends requests whose end can be found in two places, and one more behind each. The
// server goes by the chunks, or refuses the request and all that follows.
func TestTwoLengths(t *testing.T) {
	base := newThings(t)
	const good = `{` + whole + `}`
	const next = "GET /things/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	exact, more := length(len(good)), length(len(good)+len(next))
	chunks := fmt.Sprintf("5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", good[:5], len(good)-5, good[5:])
	for name, c := range map[string]struct {
		headers, body string
		want          []int
	}{
		"one length":                {exact, good, []int{200, 200}},
		"chunks and a short length": {"Transfer-Encoding: chunked\r\n" + length(6), chunks, []int{200, 200}},
		"chunks and a long length":  {more + "Transfer-Encoding: chunked\r\n", chunks, []int{200, 200}},
		"two lengths":               {exact + more, good, []int{400}},
		"a list of lengths":         {strings.TrimSpace(exact) + ", 60\r\n", good, []int{400}},
		"a length with a sign":      {strings.Replace(exact, ": ", ": +", 1), good, []int{400}},
		"another coding":            {"Transfer-Encoding: gzip, chunked\r\n", chunks, []int{501}},
		"two codings":               {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunks, []int{501}},
		"a space before the colon":  {"Transfer-Encoding : chunked\r\n" + exact, good, []int{400}},
		"a folded line":             {"X-A: b\r\n Transfer-Encoding: chunked\r\n" + exact, good, []int{200, 200}},
		"a chunk without a size":    {"Transfer-Encoding: chunked\r\n", "xyz\r\n" + good + "\r\n0\r\n\r\n", []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, err = io.WriteString(conn, "POST /things/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+c.headers+"\r\n"+c.body+next)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for answers := bufio.NewReader(conn); ; {
				r, err := http.ReadResponse(answers, nil)
				if err != nil {
					if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("after %v: %v", got, err)
					}
					break
				}
				got = append(got, r.StatusCode)
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got the answers %v, want %v", got, c.want)
			}
		})
	}
}
