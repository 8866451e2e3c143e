package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// patience is how long a client waits for an answer.
const patience = 30 * time.Second

// refusal is an answer with another status than the expected one.
type refusal struct {
	status int
	body   string
}

func (r refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// wire is one connection of HTTP/1.1, which is kept alive. It costs a fraction of what http.Client
// does, so that the generator takes little from the processes that it measures.
type wire struct {
	address string
	from    string   // the address of the client, as a proxy names it; "" for that of the connection
	conn    net.Conn // nil until the first request
	in      *bufio.Reader
	out     []byte
	body    bytes.Buffer
}

func (w *wire) close() error {
	if w.conn == nil {
		return nil
	}
	err := w.conn.Close()
	w.conn = nil
	return err
}

// ask sends a request, and returns the body of the answer, which is valid until the next request.
// body is nil or JSON; token and key may be "".
func (w *wire) ask(method, path, token, key string, body []byte, want int) ([]byte, error) {
	response, err := w.send(method, path, token, key, body, want)
	if err != nil {
		return nil, err
	}
	w.body.Reset()
	_, err = w.body.ReadFrom(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil || response.Close {
		err = errors.Join(err, w.close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return w.body.Bytes(), nil
}

// send sends a request, and reads the head of the answer.
func (w *wire) send(method, path, token, key string, body []byte, want int) (*http.Response, error) {
	if w.conn == nil {
		conn, err := (&net.Dialer{Timeout: patience}).Dial("tcp", w.address)
		if err != nil {
			return nil, err
		}
		w.conn, w.in = conn, bufio.NewReader(conn)
	}
	b := append(w.out[:0], method...)
	b = append(append(b, ' '), path...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), w.address...)
	if token != "" {
		b = append(append(b, "\r\nAuthorization: Bearer "...), token...)
	}
	if key != "" {
		b = append(append(b, "\r\nIdempotency-Key: "...), key...)
	}
	if w.from != "" {
		b = append(append(b, "\r\nX-Forwarded-For: "...), w.from...)
	}
	if body != nil {
		b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
	}
	w.out = append(append(b, "\r\n\r\n"...), body...)
	err := w.conn.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = w.conn.Write(w.out)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", method, path, err), w.close())
	}
	response, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", method, path, err), w.close())
	}
	if response.StatusCode != want {
		const most = 1 << 10
		said, err := io.ReadAll(io.LimitReader(response.Body, most))
		err = errors.Join(err, response.Body.Close())
		if err != nil || response.Close || len(said) == most {
			err = errors.Join(err, w.close())
		}
		return nil, errors.Join(fmt.Errorf("%s %s: %w", method, path, refusal{response.StatusCode, string(said)}), err)
	}
	return response, nil
}
