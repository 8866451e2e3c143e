package memory_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

// A host mounts the server in its own mux, runs its background work, and closes it at the end.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	app, err := memory.New(ctx, wiring.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- app.Run(ctx) }()

	mux := http.NewServeMux()
	mux.Handle("/meet/", http.StripPrefix("/meet", app.Handler))
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/meet/readyz", nil))
	fmt.Println(answer.Code)

	stop()
	fmt.Println(<-ended, app.Close(context.Background()))
	// Output:
	// 200
	// <nil> <nil>
}
