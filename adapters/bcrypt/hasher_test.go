package bcrypt_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	xbcrypt "golang.org/x/crypto/bcrypt"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

var _ users.Hasher = (*bcrypt.Hasher)(nil)

func newHasher(t *testing.T) *bcrypt.Hasher {
	t.Helper()
	h, err := bcrypt.New(xbcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNew(t *testing.T) {
	for _, cost := range []int{-1, 0, 3, 32} {
		if _, err := bcrypt.New(cost); err == nil {
			t.Errorf("New(%d) returned no error", cost)
		}
	}
	for _, cost := range []int{4, bcrypt.DefaultCost, 31} {
		if _, err := bcrypt.New(cost); err != nil {
			t.Errorf("New(%d): %v", cost, err)
		}
	}
}

func TestHashUsesTheCost(t *testing.T) {
	h, err := bcrypt.New(5)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := xbcrypt.Cost([]byte(hash)); err != nil || cost != 5 {
		t.Errorf("the hash has cost %d, %v; want 5", cost, err)
	}
}

func TestHashIsSalted(t *testing.T) {
	h := newHasher(t)
	first, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of one password are equal")
	}
}

func TestVerify(t *testing.T) {
	h := newHasher(t)
	full := strings.Repeat("p", 72)
	tests := []struct {
		name, hashed, given string
		want                bool
	}{
		{"same", "correct horse", "correct horse", true},
		{"other", "correct horse", "battery staple", false},
		{"other case", "correct horse", "Correct horse", false},
		{"empty", "correct horse", "", false},
		{"not ASCII", "пароль с ёлкой", "пароль с ёлкой", true},
		{"72 bytes", full, full, true},
		{"72 bytes and one more", full, full + "p", false},
		{"72 bytes and a megabyte", full, full + strings.Repeat("p", 1<<20), false},
		{"repeated around a NUL", "correct", "correct\x00correct", false},
		{"NUL at the end", strings.Repeat("p", 71), strings.Repeat("p", 71) + "\x00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hash, err := h.Hash(t.Context(), tt.hashed)
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Verify(t.Context(), hash, tt.given)
			if err != nil || got != tt.want {
				t.Errorf("Verify = %t, %v; want %t", got, err, tt.want)
			}
		})
	}
}

// TestVerifyPrefixes verifies hashes with the prefixes that other programs write. Accounts that
// were moved from other systems have them.
func TestVerifyPrefixes(t *testing.T) {
	h := newHasher(t)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		if ok, err := h.Verify(t.Context(), prefix+hash[4:], "correct horse"); !ok || err != nil {
			t.Errorf("%s: Verify = %t, %v; want true", prefix, ok, err)
		}
	}
}

func TestOutdated(t *testing.T) {
	h, err := bcrypt.New(5)
	if err != nil {
		t.Fatal(err)
	}
	for cost, want := range map[int]bool{4: true, 5: false, 6: true} {
		other, err := bcrypt.New(cost)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := other.Hash(t.Context(), "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Outdated(hash); got != want {
			t.Errorf("a hash of cost %d is outdated: %t, want %t", cost, got, want)
		}
		if ok, err := h.Verify(t.Context(), hash, "correct horse"); !ok || err != nil {
			t.Errorf("cost %d: Verify = %t, %v; want true", cost, ok, err)
		}
		if ok, err := h.Verify(t.Context(), hash, "wrong horse"); ok || err != nil {
			t.Errorf("cost %d: Verify = %t, %v; want false", cost, ok, err)
		}
	}
	if !h.Outdated("hunter2") {
		t.Error("a text that is no hash is not outdated")
	}
}

// TestVerifyCatchesUp checks that the comparisons for a hash take as long as one of the Hasher's
// cost: a hash of cost c takes 2^c rounds.
func TestVerifyCatchesUp(t *testing.T) {
	h, err := bcrypt.New(8)
	if err != nil {
		t.Fatal(err)
	}
	for cost := 4; cost <= 9; cost++ {
		rounds := 1 << cost
		for _, decoy := range bcrypt.Decoys(h, fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat("a", 53))) {
			if err := xbcrypt.CompareHashAndPassword([]byte(decoy), []byte("correct horse")); !errors.Is(err, xbcrypt.ErrMismatchedHashAndPassword) {
				t.Errorf("comparing a decoy: %v; want a mismatch", err)
			}
			its, err := xbcrypt.Cost([]byte(decoy))
			if err != nil {
				t.Fatal(err)
			}
			rounds += 1 << its
		}
		if want := 1 << max(cost, 8); rounds != want {
			t.Errorf("a hash of cost %d takes %d rounds, want %d", cost, rounds, want)
		}
	}
	if all := bcrypt.Decoys(h, "hunter2"); all != nil {
		t.Errorf("%q are compared after a text that is no hash", all)
	}
}

func TestHashInvalidPasswords(t *testing.T) {
	h := newHasher(t)
	for name, password := range map[string]string{
		"73 bytes":                 strings.Repeat("s3cret-", 11)[:73],
		"37 letters over 72 bytes": strings.Repeat("ж", 37),
		"NUL":                      "s3cret-\x00-word",
	} {
		t.Run(name, func(t *testing.T) {
			hash, err := h.Hash(t.Context(), password)
			if !errors.Is(err, fault.Invalid) || hash != "" {
				t.Fatalf("Hash = %q, %v; want fault.Invalid", hash, err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error contains the password: %v", err)
			}
		})
	}
}

func TestVerifyInvalidHashes(t *testing.T) {
	h := newHasher(t)
	for name, hash := range map[string]string{
		"empty":       "",
		"plain text":  "hunter2",
		"other kind":  "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aaaaaaaaaaaaaaaaaaaaaaaa",
		"cut":         "$2a$04$abcdefghijklmnopqrstuu",
		"cost":        "$2a$zz$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuabcdefghijk",
		"cost of 99":  "$2a$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuabcdefghijk",
		"salt":        "$2a$04$!!!!!!!!!!!!!!!!!!!!!!abcdefghijklmnopqrstuabcdefghijk",
		"new version": "$9a$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuabcdefghijk",
	} {
		t.Run(name, func(t *testing.T) {
			ok, err := h.Verify(t.Context(), hash, "s3cret")
			if !errors.Is(err, bcrypt.ErrNotBcrypt) || ok {
				t.Fatalf("Verify = %t, %v; want ErrNotBcrypt", ok, err)
			}
			if hash != "" && strings.Contains(err.Error(), hash) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error contains the hash or the password: %v", err)
			}
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	h := newHasher(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "correct horse"); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: %v; want context.Canceled", err)
	}
	if _, err := h.Verify(ctx, "", "correct horse"); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v; want context.Canceled", err)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t)
		bcrypt.OccupyAll(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 2)
		go func() {
			_, err := h.Hash(ctx, "correct horse")
			result <- err
		}()
		go func() {
			_, err := h.Verify(ctx, "", "correct horse")
			result <- err
		}()
		synctest.Wait() // until both calls wait for a slot
		cancel()
		for range 2 {
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("%v; want context.Canceled", err)
			}
		}
	})
}

// TestConcurrentCallers has more callers than the Hasher has slots.
func TestConcurrentCallers(t *testing.T) {
	h := newHasher(t)
	var group sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			hash, err := h.Hash(t.Context(), "correct horse")
			if err != nil {
				t.Error(err)
				return
			}
			if ok, err := h.Verify(t.Context(), hash, "correct horse"); !ok || err != nil {
				t.Errorf("Verify = %t, %v", ok, err)
			}
		})
	}
	group.Wait()
}

func BenchmarkVerify(b *testing.B) {
	h, err := bcrypt.New(bcrypt.DefaultCost)
	if err != nil {
		b.Fatal(err)
	}
	hash, err := h.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, err := h.Verify(b.Context(), hash, "correct horse"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
