package main_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cicerone-go/cicerone/core/users"
)

// TestSecondFactorOfAdmins tests --require-admin-totp, that a second factor works after a restart, and
// that the operator removes it.
func TestSecondFactorOfAdmins(t *testing.T) {
	t.Parallel()
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "mine.db")
	const email, password = "grace@example.net", "round the corner"
	code, _, stderr := runWith(t, password+"\n", nil, "admin", email, store, "--bcrypt-cost", "4")
	if code != 0 || !strings.Contains(stderr, "no second factor") {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	p := start(t, "--no-demo", store, "--require-admin-totp")
	in, err := p.client(t).SignIn(t.Context(), email, password)
	must(t, err)
	grace := p.client(t).As(in.AccessToken)
	if _, err := grace.VerifyLedger(t.Context()); !errors.Is(err, users.ErrSecondFactorRequired) {
		t.Errorf("without a second factor: %v", err)
	}
	begun, err := grace.SetUpSecondFactor(t.Context(), password)
	must(t, err)
	now, err := totp.GenerateCode(begun.Secret, time.Now().Add(-30*time.Second))
	must(t, err)
	_, err = grace.ConfirmSecondFactor(t.Context(), now)
	must(t, err)
	kill(t, p)

	p = start(t, "--no-demo", store, "--require-admin-totp")
	if _, err := p.client(t).SignIn(t.Context(), email, password); !errors.Is(err, users.ErrCodeRequired) {
		t.Errorf("without a code: %v", err)
	}
	now, err = totp.GenerateCode(begun.Secret, time.Now().Add(30*time.Second))
	must(t, err)
	in, err = p.client(t).SignInWithCode(t.Context(), email, password, now)
	must(t, err)
	if _, err := p.client(t).As(in.AccessToken).VerifyLedger(t.Context()); err != nil {
		t.Errorf("with a second factor: %v", err)
	}
	kill(t, p)

	code, stdout, stderr := runWith(t, "", nil, "admin", email, store, "--reset-totp")
	if code != 0 || stdout != email+" has no second factor any more\n" {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
	if code, _, stderr := runWith(t, "", nil, "admin", email, store, "--reset-totp"); code != 1 || !strings.Contains(stderr, "no second factor") {
		t.Errorf("again: exit code %d, %s", code, stderr)
	}
	p = start(t, "--no-demo", store)
	_, err = p.client(t).SignIn(t.Context(), email, password)
	must(t, err)
}
