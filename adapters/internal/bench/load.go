package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The data is loaded through the HTTP API of the server, so that every store is loaded in one way,
// each row is one that the server made, and there are sessions of everybody.

// loaders is the number of clients that load.
const loaders = 16

// adminToken signs in as the admin of the demo data, which the server has on every store.
func adminToken(c *wire) (string, error) {
	var admin account
	err := call(c, http.MethodPost, "/v1/auth/login", "", map[string]string{
		"email": "admin@example.org", "password": "cicerone-demo",
	}, http.StatusOK, &admin)
	return admin.AccessToken, err
}

// account is the part of an answer to a sign-up that is used.
type account struct {
	AccessToken string `json:"access_token"`
	User        struct{ ID string }
}

type loader struct {
	town      *town
	address   string
	log       io.Writer
	interests []string // ids
	accounts  []account
	talks     []string // ids of the talkers' conversations
}

// load loads a town into the server at an address, and returns its talkers.
func load(w *town, address string, log io.Writer) ([]*talker, error) {
	l := &loader{
		town: w, address: address, log: log, interests: make([]string, w.Interests), accounts: make([]account, w.People),
		talks: make([]string, w.talkers),
	}
	for _, step := range []struct {
		what string
		n    int
		do   func(c *wire, n int) error
	}{
		{"people", w.People, l.person},
		{"interests", 1, l.allInterests},
		{"profiles", w.People, l.profile},
		{"conversations", len(w.talks), l.talk},
	} {
		begun := time.Now()
		if err := l.each(step.n, step.do); err != nil {
			return nil, fmt.Errorf("load %s: %w", step.what, err)
		}
		fmt.Fprintf(log, "loaded %s in %v\n", step.what, time.Since(begun).Round(time.Millisecond))
	}
	return l.talkers(), nil
}

// each calls do for the numbers below n, by several clients, until a call fails.
func (l *loader) each(n int, do func(c *wire, n int) error) error {
	var next atomic.Int64
	errs := make([]error, loaders)
	var all sync.WaitGroup
	for i := range loaders {
		all.Go(func() {
			c := &wire{address: l.address}
			for number := int(next.Add(1)) - 1; number < n; number = int(next.Add(1)) - 1 {
				if errs[i] = do(c, number); errs[i] != nil {
					next.Store(int64(n)) // stops the others
					break
				}
			}
			errs[i] = errors.Join(errs[i], c.close())
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// call sends a request with a body, unless that is nil, and reads the answer.
func call(c *wire, method, path, token string, body any, want int, answer any) error {
	return callOnce(c, method, path, token, "", body, want, answer)
}

// callOnce is call with an idempotency key, unless that is "".
func callOnce(c *wire, method, path, token, key string, body any, want int, answer any) error {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return err
		}
	}
	read, err := c.ask(method, path, token, key, b, want)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(read, answer)
}

func (l *loader) person(c *wire, n int) error {
	c.from = address(n)
	return call(c, http.MethodPost, "/v1/auth/signup", "", map[string]string{
		"name": name(n), "email": email(n), "password": password,
	}, http.StatusCreated, &l.accounts[n])
}

func (l *loader) allInterests(c *wire, _ int) error {
	token, err := adminToken(c)
	if err != nil {
		return err
	}
	for n := range l.interests {
		var made struct{ ID string }
		named := map[string]string{"name": fmt.Sprint("Interest ", n)}
		if err := call(c, http.MethodPost, "/v1/admin/interests", token, named, http.StatusCreated, &made); err != nil {
			return err
		}
		l.interests[n] = made.ID
	}
	return nil
}

func (l *loader) interestsOf(person int) (ids []string) {
	for _, n := range l.town.interests(person) {
		ids = append(ids, l.interests[n])
	}
	return ids
}

func (l *loader) profile(c *wire, n int) error {
	return call(c, http.MethodPut, "/v1/me/profile", l.accounts[n].AccessToken, map[string]any{
		"first_name": name(n), "age": l.town.age(n), "country": l.town.country(n), "city": l.town.city(n), "is_searchable": true,
		"interest_ids": l.interestsOf(n), "biography": say(random(6, n)),
	}, http.StatusOK, nil)
}

// talk opens a conversation, and lets both talk. The second message is the local's, because
// messages without an answer count against a quota. The first has a key: PostgreSQL plans to read an
// empty table whole, and keeps that plan until it has counted the rows again.
func (l *loader) talk(c *wire, n int) error {
	t, r := l.town.talks[n], random(7, n)
	var opened struct{ ID string }
	voyager, local := l.accounts[t.voyager], l.accounts[t.local]
	with := map[string]string{"local_id": local.User.ID}
	if err := call(c, http.MethodPost, "/v1/conversations", voyager.AccessToken, with, http.StatusCreated, &opened); err != nil {
		return err
	}
	path := "/v1/conversations/" + opened.ID + "/messages"
	for i := range t.messages {
		by := voyager
		if i == 1 || i > 1 && r.IntN(2) == 0 {
			by = local
		}
		key := ""
		if i == 0 {
			key = fmt.Sprint("talk-", n)
		}
		said := map[string]string{"content": say(r)}
		if err := callOnce(c, http.MethodPost, path, by.AccessToken, key, said, http.StatusCreated, nil); err != nil {
			return err
		}
	}
	if n < len(l.talks) {
		l.talks[n] = opened.ID
	}
	return nil
}

func (l *loader) talkers() (all []*talker) {
	for n, talk := range l.talks {
		voyager, local := l.accounts[n], l.accounts[l.town.talks[n].local]
		all = append(all, &talker{
			number: n, email: email(n), token: voyager.AccessToken, localToken: local.AccessToken, user: voyager.User.ID,
			talk: talk, interests: l.interestsOf(n),
		})
	}
	return all
}
