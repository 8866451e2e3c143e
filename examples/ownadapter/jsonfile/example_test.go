package jsonfile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/cicerone-go/cicerone/examples/ownadapter/jsonfile"
	"github.com/cicerone-go/cicerone/wiring"
)

// A server uses the store.
func Example() {
	folder, err := os.MkdirTemp("", "cicerone")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()

	err = serve(context.Background(), filepath.Join(folder, "community.json"), func(handler http.Handler) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		fmt.Println(answer.Code)
	})
	fmt.Println(err)
	// Output:
	// 200
	// <nil>
}

func serve(ctx context.Context, path string, use func(http.Handler)) error {
	store, err := jsonfile.Open(ctx, path)
	if err != nil {
		return err
	}
	app, err := wiring.New(ctx, wiring.DefaultConfig(), store)
	if err != nil {
		return errors.Join(err, store.Close(ctx))
	}
	use(app.Handler) // http.ListenAndServe("localhost:8080", app.Handler), and app.Run(ctx) in a goroutine
	return app.Close(ctx)
}
