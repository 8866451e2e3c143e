package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// factorTests tests second factors.
var factorTests = []test{
	{"a second factor is the one that was saved last", factorSaved},
	{"a time step is used once, and none before it", stepsUsed},
	{"of concurrent units, one uses a time step", stepsUsedAtOnce},
	{"a recovery code is used once", recoveryUsed},
	{"of concurrent units, one uses a recovery code", recoveryUsedAtOnce},
	{"units that use several codes concurrently lose none", codesUsedAtOnce},
	{"an erasure removes the second factor", factorErased},
}

func (f *fixture) newFactor(user id.User) users.SecondFactor {
	return users.SecondFactor{
		UserID: user, Secret: []byte("sealed \x00\xff"), LastStep: 5,
		RecoveryCodes: []string{users.HashRecoveryCode("A"), users.HashRecoveryCode("B"), users.HashRecoveryCode("C")},
	}
}

func (f *fixture) factor(s users.SecondFactor) users.SecondFactor {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Hold(ctx, s.UserID); err != nil {
			return err
		}
		return tx.Users().SaveSecondFactor(ctx, s)
	})
	return s
}

// isFactor fails the test unless the second factor is stored.
func (f *fixture) isFactor(what string, want users.SecondFactor) {
	f.Helper()
	readsBack(f, what, want, func(ctx context.Context, tx ports.Tx) (users.SecondFactor, error) {
		return tx.Users().SecondFactor(ctx, want.UserID)
	})
}

func (f *fixture) noFactor(user id.User) {
	f.Helper()
	err := f.store.View(f.ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().SecondFactor(ctx, user)
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		f.Errorf("a second factor that does not exist returned %v, want fault.NotFound", err)
	}
}

func (f *fixture) useStep(user id.User, step int64) (used bool) {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Users().UseStep(ctx, user, step) })
}

func (f *fixture) useRecovery(user id.User, hash string) (used bool) {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Users().UseRecoveryCode(ctx, user, hash)
	})
}

func factorSaved(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	f.noFactor(ada.ID)
	s, other := f.factor(f.newFactor(ada.ID)), f.factor(f.newFactor(ben.ID))
	f.isFactor("the second factor", s)
	s.Secret, s.LastStep, s.RecoveryCodes = []byte{1}, 0, nil
	f.factor(s)
	f.isFactor("the second factor after another save", s)
	drop := func() {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropSecondFactor(ctx, ada.ID) })
	}
	drop()
	f.noFactor(ada.ID)
	drop()
	f.isFactor("the other second factor", other)
	f.rowCount(ports.SecondFactors, 1)
}

func stepsUsed(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	s, other := f.factor(f.newFactor(ada.ID)), f.factor(f.newFactor(ben.ID))
	for _, step := range []struct {
		number int64
		used   bool
	}{{4, false}, {5, false}, {6, true}, {6, false}, {9, true}, {8, false}} {
		f.same(fmt.Sprint("that the step is used: ", step.number), f.useStep(ada.ID, step.number), step.used)
	}
	s.LastStep = 9
	f.isFactor("the second factor", s)
	f.isFactor("the other second factor", other)
	f.same("that a step is used without a second factor", f.useStep(f.account("cleo").ID, 6), false)
}

func recoveryUsed(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	s, other := f.factor(f.newFactor(ada.ID)), f.factor(f.newFactor(ben.ID))
	used := s.RecoveryCodes[1]
	f.same("that the code is used", f.useRecovery(ada.ID, used), true)
	f.same("that the code is used again", f.useRecovery(ada.ID, used), false)
	f.same("that an unknown code is used", f.useRecovery(ada.ID, users.HashRecoveryCode("D")), false)
	s.RecoveryCodes = []string{s.RecoveryCodes[0], s.RecoveryCodes[2]}
	f.isFactor("the second factor", s)
	f.isFactor("the other second factor", other)
	f.same("that a code is used without a second factor", f.useRecovery(f.account("cleo").ID, used), false)
}

// oneUses fails the test unless one of concurrent units uses a code, and all of them succeed.
func (f *fixture) oneUses(user id.User, use func(ctx context.Context, tx ports.Tx, user id.User) (bool, error)) {
	f.Helper()
	done := make([]bool, 8)
	f.allConcurrently(len(done), func(i int) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			if _, err := tx.Users().Pin(ctx, user); err != nil {
				return err
			}
			done[i], err = use(ctx, tx, user)
			return err
		})
	})
	f.same("the number of units that used the code", len(filter(done, func(used bool) bool { return used })), 1)
}

func stepsUsedAtOnce(f *fixture) {
	s := f.factor(f.newFactor(f.account("ada").ID))
	for range rounds(3, 60) {
		s.LastStep++
		f.oneUses(s.UserID, func(ctx context.Context, tx ports.Tx, user id.User) (bool, error) {
			return tx.Users().UseStep(ctx, user, s.LastStep)
		})
		f.isFactor("the second factor", s)
	}
}

func recoveryUsedAtOnce(f *fixture) {
	ada := f.account("ada")
	for range rounds(3, 60) {
		s := f.factor(f.newFactor(ada.ID))
		f.oneUses(ada.ID, func(ctx context.Context, tx ports.Tx, user id.User) (bool, error) {
			return tx.Users().UseRecoveryCode(ctx, user, s.RecoveryCodes[0])
		})
		s.RecoveryCodes = s.RecoveryCodes[1:]
		f.isFactor("the second factor", s)
	}
}

func codesUsedAtOnce(f *fixture) {
	ada := f.account("ada")
	for range rounds(3, 60) {
		s := f.factor(f.newFactor(ada.ID))
		f.allConcurrently(6, func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				used := true
				if i < len(s.RecoveryCodes) {
					used, err = tx.Users().UseRecoveryCode(ctx, ada.ID, s.RecoveryCodes[i])
				} else {
					_, err = tx.Users().UseStep(ctx, ada.ID, 10+int64(i))
				}
				if err == nil && !used {
					err = fmt.Errorf("code %d was not used", i)
				}
				return err
			})
		})
		s.LastStep, s.RecoveryCodes = 15, nil
		f.isFactor("the second factor", s)
	}
}

func factorErased(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	f.factor(f.newFactor(ada.ID))
	other := f.factor(f.newFactor(ben.ID))
	ada.Name, ada.Email, ada.IsActive, ada.Erased = users.DeletedName, "", false, true
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Erase(ctx, ada) })
	f.noFactor(ada.ID)
	f.isFactor("the other second factor", other)
}

func factorFields(f *fixture, fl *filler) {
	s := f.factor(filled[users.SecondFactor](f, fl))
	f.isFactor("users.Repository.SecondFactor", s)
	again := filled[users.SecondFactor](f, fl)
	again.UserID = s.UserID
	f.isFactor("users.Repository.SecondFactor after another save", f.factor(again))
}

// oneCodeSignsInOnce tests sign-ins with a second factor on several servers.
func oneCodeSignsInOnce(c *community) {
	ada := c.join("ada")
	_, err := c.accounts.SetUpSecondFactor(c.ctx, ada.ID, password, users.Device{})
	c.must(err)
	recovery, err := c.accounts.ConfirmSecondFactor(c.ctx, ada.ID, plainCodes{}.at(c.clock.now()), users.Device{})
	c.must(err)
	for range rounds(1, 20) {
		c.clock.set(c.clock.now().Add(time.Minute))
		for _, code := range []string{plainCodes{}.at(c.clock.now()), recovery[0]} {
			errs := concurrently(6, func(i int) error {
				_, err := c.accounts.SignIn(c.ctx, users.SignIn{
					Email: ada.Email, Password: password, Code: code, From: device("192.0.2.%d", i),
				})
				return err
			})
			in := len(filter(errs, func(err error) bool { return err == nil }))
			wrong := len(filter(errs, func(err error) bool { return errors.Is(err, users.ErrWrongCode) }))
			c.same("the sign-ins with one code", [2]int{in, wrong}, [2]int{1, 5})
		}
		recovery = recovery[1:]
		if len(recovery) == 0 {
			return
		}
	}
}
