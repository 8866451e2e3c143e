package kithttp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Greet is a request. The name is in the path, and the word is in the body.
type Greet struct {
	Name string `path:"name"`
	Word string `json:"word" required:"true"`
}

// Greeting is the response to Greet.
type Greeting struct {
	Text string `json:"text"`
}

// A route is declared once. Its server and its client are made from it.
func Example() {
	greet := kithttp.Route[Greet, Greeting]{
		Name: "greet", Method: http.MethodPost, Path: "/greetings/{name}",
		Status: http.StatusCreated, Summary: "Greet someone", Security: []string{"token"},
	}
	errBusy := fault.New(fault.Conflict, "busy", "not now")
	signedIn := func(ctx context.Context) (context.Context, error) {
		if kithttp.RequestFrom(ctx).Header.Get("Authorization") != "Bearer secret" {
			return nil, fault.New(fault.Unauthenticated, "sign_in", "sign in first")
		}
		return ctx, nil
	}

	s := kithttp.NewServer(kithttp.WithInfo("Greetings", "1", ""), kithttp.WithBearer("token", "an access token"))
	kithttp.Handle(s, greet, func(_ context.Context, r Greet) (Greeting, error) {
		if r.Name == "nobody" {
			return Greeting{}, errBusy
		}
		return Greeting{Text: r.Word + ", " + r.Name}, nil
	}, kithttp.Gated(signedIn))
	server := httptest.NewServer(s)
	defer server.Close()

	c, err := kithttp.NewClient(server.URL, kithttp.WithRequestHook(func(_ context.Context, r *http.Request) {
		r.Header.Set("Authorization", "Bearer secret")
	}))
	if err != nil {
		log.Fatal(err)
	}
	greeting, err := kithttp.Call(context.Background(), c, greet, Greet{Name: "Ada", Word: "Hello"})
	fmt.Println(greeting.Text, err)
	_, err = kithttp.Call(context.Background(), c, greet, Greet{Name: "nobody", Word: "Hello"})
	fmt.Println(errors.Is(err, errBusy), err)
	// Output:
	// Hello, Ada <nil>
	// true not now
}
