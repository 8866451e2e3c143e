package bench

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	matchingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/matching/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	reservationsv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/reservations/v1"
	walletv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/wallet/v1"
)

// overGRPC is the api over gRPC, with the generated clients: transport/client converts every
// request and answer, which would be measured, too.
type overGRPC struct {
	conn         *grpc.ClientConn
	auth         authv1.AuthServiceClient
	matching     matchingv1.MatchingServiceClient
	messaging    messagingv1.MessagingServiceClient
	reservations reservationsv1.ReservationsServiceClient
	wallets      walletv1.WalletServiceClient
}

func newGRPC(address string) (*overGRPC, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &overGRPC{
		conn, authv1.NewAuthServiceClient(conn), matchingv1.NewMatchingServiceClient(conn),
		messagingv1.NewMessagingServiceClient(conn), reservationsv1.NewReservationsServiceClient(conn),
		walletv1.NewWalletServiceClient(conn),
	}, nil
}

// as returns the context of a call.
func as(token string, more ...string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	return metadata.AppendToOutgoingContext(ctx, append(more, "authorization", "Bearer "+token)...), cancel
}

func (c *overGRPC) send(t *talker, key string) error {
	var more []string
	if key != "" {
		more = []string{"idempotency-key", key}
	}
	ctx, cancel := as(t.token, more...)
	defer cancel()
	said := content
	_, err := c.messaging.Send(ctx, &messagingv1.SendRequest{Id: t.talk, Content: &said})
	return err
}

func (c *overGRPC) read(t *talker) error {
	mine, cancel := as(t.token)
	defer cancel()
	theirs, cancel := as(t.localToken)
	defer cancel()
	said := content
	sent, err := c.messaging.Send(mine, &messagingv1.SendRequest{Id: t.talk, Content: &said})
	if err != nil {
		return err
	}
	read, err := c.messaging.Read(theirs, &messagingv1.ReadRequest{Id: t.talk, UpTo: sent.GetId()})
	if err != nil {
		return err
	}
	return checkMarked(int(read.GetMarked()))
}

func (c *overGRPC) list(t *talker) error {
	ctx, cancel := as(t.token)
	defer cancel()
	page, err := c.messaging.Messages(ctx, &messagingv1.MessagesRequest{Id: t.talk, Limit: messagesOf})
	return full(len(page.GetItems()), messagesOf, err)
}

// full returns an error if a page has too few items.
func full(items, least int, err error) error {
	if err == nil && items < least {
		err = fmt.Errorf("%d items, want %d", items, least)
	}
	return err
}

func (c *overGRPC) conversations(t *talker) error {
	ctx, cancel := as(t.token)
	defer cancel()
	page, err := c.messaging.Conversations(ctx, &messagingv1.ConversationsRequest{})
	return full(len(page.GetItems()), 1, err)
}

func (c *overGRPC) wallet(t *talker) error {
	ctx, cancel := as(t.token)
	defer cancel()
	_, err := c.wallets.Wallet(ctx, &walletv1.WalletRequest{})
	return err
}

func (c *overGRPC) match(t *talker, in area) error {
	ctx, cancel := as(t.token)
	defer cancel()
	page, err := c.matching.Matches(ctx, &matchingv1.MatchesRequest{
		Country: in.country, InterestId: in.interests, Limit: matchesOf,
	})
	return full(len(page.GetItems()), 1, err)
}

func (c *overGRPC) reserve(t *talker) error {
	mine, cancel := as(t.token)
	defer cancel()
	theirs, cancel := as(t.localToken)
	defer cancel()
	at := t.begins()
	made, err := c.reservations.Propose(mine, &reservationsv1.ProposeRequest{
		Id: t.talk, Title: "A walk", Price: "1.00", Date: timestamppb.New(at), EndDate: timestamppb.New(at.Add(time.Hour)),
	})
	if err == nil {
		_, err = c.reservations.Accept(theirs, &reservationsv1.AcceptRequest{Id: made.GetId()})
	}
	if err == nil {
		_, err = c.reservations.Cancel(mine, &reservationsv1.CancelRequest{Id: made.GetId()})
	}
	return err
}

func (c *overGRPC) signIn(t *talker) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", address(t.number))
	_, err := c.auth.LogIn(ctx, &authv1.LogInRequest{Email: t.email, Password: password})
	return err
}

func (c *overGRPC) close() error { return c.conn.Close() }

// calls is a stream of live events over gRPC.
type calls struct {
	conn   *grpc.ClientConn
	stream grpc.ServerStreamingClient[livev1.LiveEventsResponse]
	cancel context.CancelFunc
}

func (c *overGRPC) follow(token string) (stream, error) {
	conn, err := grpc.NewClient(c.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &calls{conn: conn, cancel: cancel}
	s.stream, err = livev1.NewLiveServiceClient(conn).LiveEvents(
		metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), &livev1.LiveEventsRequest{})
	if err == nil {
		_, err = s.stream.Recv() // the first response says that the stream has begun
	}
	if err != nil {
		_ = s.close() // the error says more
		return nil, err
	}
	return s, nil
}

func (s *calls) await(talk string) error {
	late := time.AfterFunc(patience, s.cancel)
	defer late.Stop()
	for {
		told, err := s.stream.Recv()
		if err != nil {
			return err
		}
		e := told.GetEvent()
		if e.GetType() == "message.sent" && e.GetData().GetFields()["conversation_id"].GetStringValue() == talk {
			return nil
		}
	}
}

func (s *calls) close() error {
	s.cancel()
	return s.conn.Close()
}
