package wired

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/wiring"
)

// FullDisk checks that a server over a store on a small disk is not ready while the disk is full,
// and ready without a restart when there is space again.
func FullDisk(t *testing.T, app *wiring.App, disk string) {
	ask := func(method, path, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		app.Handler.ServeHTTP(answer, r)
		return answer.Code, answer.Body.String()
	}
	ready := func(want int) {
		t.Helper()
		workload.Within(t, 20*time.Second, func() error {
			if status, body := ask(http.MethodGet, "/readyz", ""); status != want {
				return fmt.Errorf("/readyz returned %d %s, want %d", status, body, want)
			}
			return nil
		})
	}
	person := 0
	signUp := func() int {
		person++
		status, _ := ask(http.MethodPost, "/v1/auth/signup",
			fmt.Sprintf(`{"name":"Ada","email":"%s%d@example.net","password":"long enough"}`, strings.Repeat("x", 40), person))
		return status
	}
	ready(http.StatusOK)
	filler := filepath.Join(disk, "filler")
	workload.Fill(t, filler)
	for try := 0; signUp() != http.StatusServiceUnavailable; try++ {
		if try > 2000 {
			t.Fatal("the disk is full, and writes still succeed")
		}
	}
	ready(http.StatusServiceUnavailable)
	time.Sleep(3 * time.Second) // several examinations
	ready(http.StatusServiceUnavailable)
	if status, body := ask(http.MethodGet, "/v1/policy", ""); status != http.StatusOK {
		t.Errorf("a read: %d %s", status, body)
	}
	must(t, os.Remove(filler))
	ready(http.StatusOK)
	if status := signUp(); status != http.StatusCreated {
		t.Errorf("a write with space again: %d", status)
	}
}
