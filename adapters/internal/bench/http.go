package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// overHTTP is the api over HTTP.
type overHTTP struct {
	wire
	base string // before every path: "" or that of the bare floor
}

func newHTTP(address, base string) *overHTTP { return &overHTTP{wire{address: address}, base} }

var draft = []byte(`{"content":"` + content + `"}`)

func (c *overHTTP) send(t *talker, key string) error {
	_, err := c.ask(http.MethodPost, c.base+"/v1/conversations/"+t.talk+"/messages", t.token, key, draft, http.StatusCreated)
	return err
}

func (c *overHTTP) read(t *talker) error {
	path := c.base + "/v1/conversations/" + t.talk
	answer, err := c.ask(http.MethodPost, path+"/messages", t.token, "", draft, http.StatusCreated)
	if err != nil {
		return err
	}
	var sent struct{ ID string }
	if err := json.Unmarshal(answer, &sent); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	answer, err = c.ask(http.MethodPost, path+"/read", t.localToken, "", []byte(`{"up_to":"`+sent.ID+`"}`), http.StatusOK)
	if err != nil {
		return err
	}
	var read struct{ Marked int }
	if err := json.Unmarshal(answer, &read); err != nil {
		return fmt.Errorf("read how many messages were marked: %w", err)
	}
	return checkMarked(read.Marked)
}

// checkMarked returns an error if no message was marked as read.
func checkMarked(marked int) error {
	if marked < 1 {
		return errors.New("no message was marked as read")
	}
	return nil
}

func (c *overHTTP) list(t *talker) error {
	return c.page("/v1/conversations/"+t.talk+"/messages?limit="+strconv.Itoa(messagesOf), t.token, messagesOf)
}

func (c *overHTTP) conversations(t *talker) error { return c.page("/v1/conversations", t.token, 1) }

func (c *overHTTP) match(t *talker, in area) error {
	q := url.Values{"limit": {strconv.Itoa(matchesOf)}, "interest_id": in.interests}
	if in.country != "" {
		q.Set("country", in.country)
	}
	return c.page("/v1/matches?"+q.Encode(), t.token, 1)
}

// page reads a page, which must have at least some items.
func (c *overHTTP) page(path, token string, least int) error {
	body, err := c.ask(http.MethodGet, c.base+path, token, "", nil, http.StatusOK)
	if err != nil {
		return err
	}
	if n := strings.Count(string(body), `"user_id":`) + strings.Count(string(body), `"voyager_id":`); n < least {
		return fmt.Errorf("GET %s: %d items, want %d", path, n, least)
	}
	return nil
}

func (c *overHTTP) wallet(t *talker) error {
	_, err := c.ask(http.MethodGet, c.base+"/v1/wallet", t.token, "", nil, http.StatusOK)
	return err
}

// begins is when a talker's reservations begin. No two talkers have the same.
func (t *talker) begins() time.Time {
	return time.Now().Truncate(time.Hour).Add(time.Duration(48+t.number) * time.Hour).UTC()
}

func (c *overHTTP) reserve(t *talker) error {
	at := t.begins()
	proposal := fmt.Appendf(nil, `{"title":"A walk","price":"1.00","date":%q,"end_date":%q}`,
		at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	answer, err := c.ask(http.MethodPost, "/v1/conversations/"+t.talk+"/reservations", t.token, "", proposal, http.StatusCreated)
	if err != nil {
		return err
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("read a reservation: %w", err)
	}
	path := "/v1/reservations/" + made.ID
	if _, err = c.ask(http.MethodPost, path+"/accept", t.localToken, "", nil, http.StatusOK); err == nil {
		_, err = c.ask(http.MethodPost, path+"/cancel", t.token, "", nil, http.StatusOK)
	}
	return err
}

// password is that of everybody.
const password = "the fountain at ten"

func (c *overHTTP) signIn(t *talker) error {
	c.from = address(t.number)
	defer func() { c.from = "" }()
	credentials := fmt.Appendf(nil, `{"email":%q,"password":%q}`, t.email, password)
	_, err := c.ask(http.MethodPost, "/v1/auth/login", "", "", credentials, http.StatusOK)
	return err
}

// sse is a stream of server-sent events.
type sse struct {
	wire
	lines *bufio.Reader
}

func (c *overHTTP) follow(token string) (stream, error) {
	s := &sse{wire: wire{address: c.address}}
	//nolint:bodyclose // the body ends with the connection
	response, err := s.wire.send(http.MethodGet, "/v1/events", token, "", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	s.lines = bufio.NewReader(response.Body)
	return s, nil
}

func (s *sse) await(talk string) error {
	if err := s.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		line, err := s.lines.ReadString('\n')
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the server has ended the stream
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "data:") && strings.Contains(line, `"message.sent"`) && strings.Contains(line, talk) {
			return nil
		}
	}
}

func (s *sse) close() error { return s.wire.close() }
