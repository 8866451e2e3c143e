package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// A route that is left out answers as an unknown path does, and is not in the OpenAPI document.
func TestWithoutRoutes(t *testing.T) {
	s := newWorld(t).services
	api := httpapi.New(s, httpapi.Options{WithoutRoutes: []string{"policy", "accept"}})
	if left, all := len(api.Server().Routes()), len(httpapi.New(s, httpapi.Options{}).Server().Routes()); left != all-2 {
		t.Errorf("%d of %d routes, want two fewer", left, all)
	}
	for path, status := range map[string]int{"/v1/policy": http.StatusNotFound, "/healthz": http.StatusOK} {
		response, err := direct{api}.RoundTrip(requestOf(t, http.MethodGet, path, ""))
		if err != nil || response.StatusCode != status {
			t.Errorf("GET %s: got %d, %v, want %d", path, response.StatusCode, err, status)
		}
	}
	kithttp.Handle(api.Server(), kithttp.Route[kithttp.None, httpapi.Policy]{
		Name: "policy", Method: http.MethodPost, Path: "/v1/policy", Summary: "Change the rules", Tags: []string{"policy"},
	}, func(context.Context, kithttp.None) (p httpapi.Policy, err error) { return p, err })

	if err := httpapi.CheckRoutes(s, []string{"accept", "no such"}); err == nil || err.Error() != `there is no route named "no such"` {
		t.Errorf("CheckRoutes = %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("New accepts the name of no route")
		}
	}()
	httpapi.New(s, httpapi.Options{WithoutRoutes: []string{"no such"}})
}
