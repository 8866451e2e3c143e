package bench

import (
	"fmt"
	"math/rand/v2"
)

// api has the requests of the scenarios, over one connection. Each method returns an error unless
// the answer is the expected one.
type api interface {
	send(t *talker, key string) error
	read(t *talker) error // sends a message, which the other marks as read
	list(t *talker) error
	conversations(t *talker) error
	wallet(t *talker) error
	match(t *talker, in area) error
	reserve(t *talker) error // proposes, accepts and cancels
	signIn(t *talker) error
	follow(token string) (stream, error) // opens a connection of its own
	close() error
}

// area is a search. Every search is for the first 20 matches.
type area struct {
	country   string
	interests []string // at least one of them
}

// pageOf is how many messages, and how many matches, a client asks for.
const (
	messagesOf = 30
	matchesOf  = 20
)

// talker is a person in whose name a client acts, and their conversation with a local.
type talker struct {
	number            int
	email             string
	token, localToken string   // access tokens
	user, talk        string   // ids
	interests         []string // ids
}

// content is the message of every send.
const content = "Shall we meet at the fountain at ten?"

// client is one of the clients of a measurement.
type client struct {
	api
	talkers []*talker
	next    func() *talker // one of them, by Zipf's law
	streams []stream       // of the first talker's local
	key     func() string  // a fresh idempotency key
}

// scenario is something that clients do.
type scenario struct {
	name  string
	title string // as the plot has it
	do    func(c *client) error
	live  bool   // needs streams
	floor bool   // the floor does it, too
	sql   string // pgbench does it, too: the name of the script
	bare  bool   // the bare floor does it, too
	raw   bool   // the raw inserts are compared with it
}

var scenarios = []scenario{
	{name: "send", title: "send a message", floor: true, bare: true, raw: true, sql: "send", do: func(c *client) error { return c.send(c.next(), "") }},
	{name: "send-key", title: "send with an Idempotency-Key", floor: true, do: func(c *client) error { return c.send(c.next(), c.key()) }},
	{name: "read", title: "send, mark as read", floor: true, do: func(c *client) error { return c.read(c.next()) }},
	{name: "list", title: "last 30 messages", floor: true, sql: "list", do: func(c *client) error { return c.list(c.next()) }},
	{name: "conversations", title: "conversations", floor: true, do: func(c *client) error { return c.conversations(c.next()) }},
	{name: "wallet", title: "wallet", floor: true, do: func(c *client) error { return c.wallet(c.next()) }},
	{name: "match-country", title: "20 matches of a country", floor: true, sql: "match", do: func(c *client) error {
		return c.match(c.next(), area{country: country})
	}},
	{name: "match-interests", title: "… with 1 of 3 interests", floor: true, do: func(c *client) error {
		t := c.next()
		return c.match(t, area{country: country, interests: t.interests[:3]})
	}},
	{name: "match-all", title: "20 matches of everybody", floor: true, do: func(c *client) error { return c.match(c.next(), area{}) }},
	{name: "reserve", title: "propose, accept, cancel", do: func(c *client) error { return c.reserve(c.next()) }},
	{name: "sign-in", title: "sign in", do: func(c *client) error { return c.signIn(c.next()) }},
	{name: "live", title: "send, until 4 streams have it", live: true, do: (*client).tell},
}

// Scenarios returns the names of all scenarios.
func Scenarios() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// choose makes next pick the client's talkers by Zipf's law.
func (c *client) choose(number int) {
	ranks := rand.NewZipf(random(5, number), popular, even, uint64(len(c.talkers)-1))
	c.next = func() *talker { return c.talkers[ranks.Uint64()] }
}

// stream is a stream of live events.
type stream interface {
	// await returns when the stream has told of a message to a conversation.
	await(talk string) error
	close() error
}

// fanOut is the number of streams that a message goes to, as to the devices of a person.
const fanOut = 4

// open opens the streams of the first talker's local.
func (c *client) open() error {
	for range fanOut {
		s, err := c.follow(c.talkers[0].localToken)
		if err != nil {
			return fmt.Errorf("open a stream: %w", err)
		}
		c.streams = append(c.streams, s)
	}
	return nil
}

// tell sends a message, and waits until all streams have it.
func (c *client) tell() error {
	t := c.talkers[0]
	if err := c.send(t, ""); err != nil {
		return err
	}
	for _, s := range c.streams {
		if err := s.await(t.talk); err != nil {
			return fmt.Errorf("await a message: %w", err)
		}
	}
	return nil
}
