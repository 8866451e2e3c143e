package kithttp_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// slow is a text that takes as long to decode as a test likes.
type slow struct{}

var slowly func()

func (slow) UnmarshalText([]byte) error {
	slowly()
	return nil
}

// TestLargeBodyWaitsForItsContext sends a large body while another one is decoded, and leaves.
func TestLargeBodyWaitsForItsContext(t *testing.T) {
	type large struct {
		Text *slow `json:"text"`
	}
	s := kithttp.NewServer()
	kithttp.Handle(s, kithttp.Route[large, kithttp.None]{Name: "large", Method: "POST", Path: "/large"},
		answer[large](kithttp.None{}, nil))
	post := func(ctx context.Context) {
		r := httptest.NewRequestWithContext(ctx, "POST", "/large", strings.NewReader(`{"text":"`+strings.Repeat("x", 40<<10)+`"}`))
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	decoding, end := make(chan struct{}, 2), make(chan struct{})
	slowly = func() {
		decoding <- struct{}{}
		<-end
	}
	var first sync.WaitGroup
	first.Go(func() { post(t.Context()) })
	<-decoding
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		post(leaving)
		close(left)
	}()
	leave()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the request waits for another body after its client has left")
	}
	if len(decoding) != 0 {
		t.Error("two large bodies are decoded at a time")
	}
	close(end)
	first.Wait()
}
