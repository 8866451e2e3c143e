package memory_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

// A host mounts the server below a path of its own mux, runs its background work, and closes it at
// the end.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	config := wiring.DefaultConfig()
	config.BasePath = "/community"
	app, err := memory.New(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- app.Run(ctx) }()

	mux := http.NewServeMux()
	mux.Handle(config.BasePath+"/", http.StripPrefix(config.BasePath, app.Handler))
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/community/readyz", nil))
	fmt.Println(answer.Code)

	stop()
	fmt.Println(<-ended, app.Close(context.Background()))
	// Output:
	// 200
	// <nil> <nil>
}
