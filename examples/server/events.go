package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

type eventsCommand struct {
	List          asideCommand         `cmd:"" help:"List the events that subscribers could not handle. A server may use the store meanwhile."`
	Retry         retryCommand         `cmd:"" help:"Let a subscriber try an event again, which a server does when it runs. If the store is sqlite, no server may have it open."`
	Subscriptions subscriptionsCommand `cmd:"" help:"List the subscriptions, and how far they are. A server may use the store meanwhile."`
	Begin         beginCommand         `cmd:"" help:"Make a subscription active, at a position. If the store is sqlite, no server may have it open."`
	Off           offCommand           `cmd:"" help:"Switch a subscription off, so that it holds no events. If the store is sqlite, no server may have it open."`
}

type asideCommand struct {
	Subscriber string `env:"-" placeholder:"NAME" help:"Only those of one subscriber."`
	State      string `env:"-" enum:",waiting,retry" default:"" help:"Only those that are waiting, or those that are to be tried again: retry."`
}

// Run lists the events that are set aside.
func (c *asideCommand) Run(s *settings) error {
	filter := events.AsideFilter{Subscriber: c.Subscriber, State: events.AsideState(c.State)}
	return s.look(func(ctx context.Context, _ place, storage ports.Storage) error {
		return ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
			list := page.Each(nil, moderation.AsideEvent.Place, func(after *events.AsidePlace, limit int) ([]moderation.AsideEvent, error) {
				return moderation.ReadAsideEvents(ctx, tx, filter, after, limit)
			})
			for e, err := range list {
				if err != nil {
					return err
				}
				fmt.Printf("%s %d %s: %s, failed %d times, last at %s (%s)\n", e.Subscriber, e.Position, e.State, e.Type, e.Attempts,
					e.At.Format(time.RFC3339), e.Class)
			}
			return nil
		})
	})
}

type subscriptionsCommand struct{}

// Run lists the subscriptions.
func (*subscriptionsCommand) Run(s *settings) error {
	return s.look(func(ctx context.Context, _ place, storage ports.Storage) error {
		return ports.NewStore(storage, uow.Policy{}).View(ctx, func(ctx context.Context, tx ports.Tx) error {
			b, err := tx.Events().Backlog(ctx)
			if err != nil {
				return err
			}
			name := func(s events.Subscription) string { return s.Name }
			list := page.Each(nil, name, func(after *string, limit int) ([]events.Subscription, error) {
				if after == nil {
					after = new(string)
				}
				return tx.Subscriptions().List(ctx, *after, limit)
			})
			for s, err := range list {
				if err != nil {
					return err
				}
				printSubscription(s)
			}
			fmt.Printf("the last event has the position %d\n", b.Highest)
			return nil
		})
	})
}

func printSubscription(s events.Subscription) {
	fmt.Printf("%s is %s since %s, at position %d\n", s.Name, s.State, s.Since.Format(time.RFC3339), s.Position)
}

type retryCommand struct {
	Subscriber string `arg:"" help:"The name of the subscriber."`
	Position   int64  `arg:"" help:"The position of the event."`

	Log logSettings `embed:"" prefix:"log-" group:"Log"`
}

// Run marks an event to be tried again.
func (c *retryCommand) Run(s *settings) error {
	return s.operate(c.Log, func(ctx context.Context, o moderation.Operator) error {
		e, err := o.RetryEvent(ctx, events.AsidePlace{Subscriber: c.Subscriber, Position: c.Position})
		if err != nil {
			return err
		}
		fmt.Printf("%s will try the event %s at position %d again\n", e.Subscriber, e.Type, e.Position)
		return nil
	})
}

type beginCommand struct {
	Name     string `arg:"" help:"The name of the subscription."`
	Position *int64 `arg:"" optional:"" help:"Its next event is the first after this position. Default: its own position, unless it is behind."`

	Log logSettings `embed:"" prefix:"log-" group:"Log"`
}

// Run makes a subscription active.
func (c *beginCommand) Run(s *settings) error {
	return s.changeSubscription(c.Log, c.Name, moderation.SubscriptionChange{State: new(events.Active), Position: c.Position})
}

type offCommand struct {
	Name string `arg:"" help:"The name of the subscription."`

	Log logSettings `embed:"" prefix:"log-" group:"Log"`
}

// Run switches a subscription off.
func (c *offCommand) Run(s *settings) error {
	return s.changeSubscription(c.Log, c.Name, moderation.SubscriptionChange{State: new(events.Off)})
}

func (s *settings) changeSubscription(log logSettings, name string, c moderation.SubscriptionChange) error {
	return s.operate(log, func(ctx context.Context, o moderation.Operator) error {
		changed, err := o.ChangeSubscription(ctx, name, c)
		if err != nil {
			return err
		}
		printSubscription(changed)
		return nil
	})
}

// operate opens a store for a command that acts for the operator.
func (s *settings) operate(log logSettings, do func(ctx context.Context, o moderation.Operator) error) (err error) {
	p, err := findDurable("--store", s.Store, s.StoreFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := operatorConfig(log)
	if err != nil {
		return err
	}
	app, err := openApp(ctx, p, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeApp(app)) }()
	return do(ctx, app.Moderation.AsOperator())
}
