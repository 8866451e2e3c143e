package ports

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
)

// UnimplementedModeration is a moderation.Repository whose methods return fault.Unimplemented.
type UnimplementedModeration struct{}

func (UnimplementedModeration) AddReport(
	context.Context, moderation.Report, ...moderation.ReportedMessage,
) (bool, error) {
	return false, unimplemented("moderation.Repository.AddReport")
}
func (UnimplementedModeration) Report(context.Context, id.Report) (moderation.Report, error) {
	return moderation.Report{}, unimplemented("moderation.Repository.Report")
}
func (UnimplementedModeration) ChangeReport(context.Context, moderation.Report, moderation.Status) (bool, error) {
	return false, unimplemented("moderation.Repository.ChangeReport")
}
func (UnimplementedModeration) Reports(
	context.Context, moderation.Status, *page.Moment, int,
) ([]moderation.Report, error) {
	return nil, unimplemented("moderation.Repository.Reports")
}
func (UnimplementedModeration) ReportsBy(context.Context, id.User, *page.Moment, int) ([]moderation.Report, error) {
	return nil, unimplemented("moderation.Repository.ReportsBy")
}
func (UnimplementedModeration) ReportsAbout(context.Context, id.User, *page.Moment, int) ([]moderation.Report, error) {
	return nil, unimplemented("moderation.Repository.ReportsAbout")
}
func (UnimplementedModeration) ReportedMessages(
	context.Context, ...id.Report,
) (map[id.Report][]moderation.ReportedMessage, error) {
	return nil, unimplemented("moderation.Repository.ReportedMessages")
}
func (UnimplementedModeration) Block(context.Context, moderation.Block) (bool, error) {
	return false, unimplemented("moderation.Repository.Block")
}
func (UnimplementedModeration) Unblock(context.Context, id.User, id.User) (bool, error) {
	return false, unimplemented("moderation.Repository.Unblock")
}
func (UnimplementedModeration) Blocks(context.Context, id.User, *page.Moment, int) ([]moderation.Block, error) {
	return nil, unimplemented("moderation.Repository.Blocks")
}
func (UnimplementedModeration) BlocksBetween(context.Context, []id.User, []id.User) ([]moderation.Block, error) {
	return nil, unimplemented("moderation.Repository.BlocksBetween")
}
func (UnimplementedModeration) DropBlocks(context.Context, id.User) error {
	return unimplemented("moderation.Repository.DropBlocks")
}
func (UnimplementedModeration) AddSanction(context.Context, moderation.Sanction) error {
	return unimplemented("moderation.Repository.AddSanction")
}
func (UnimplementedModeration) Sanction(context.Context, id.Sanction) (moderation.Sanction, error) {
	return moderation.Sanction{}, unimplemented("moderation.Repository.Sanction")
}
func (UnimplementedModeration) SaveSanction(context.Context, moderation.Sanction) error {
	return unimplemented("moderation.Repository.SaveSanction")
}
func (UnimplementedModeration) Sanctions(context.Context, id.User, *page.Moment, int) ([]moderation.Sanction, error) {
	return nil, unimplemented("moderation.Repository.Sanctions")
}
func (UnimplementedModeration) AddAudit(context.Context, moderation.AuditRecord) error {
	return unimplemented("moderation.Repository.AddAudit")
}
func (UnimplementedModeration) Audits(
	context.Context, id.Subject, *page.Moment, int,
) ([]moderation.AuditRecord, error) {
	return nil, unimplemented("moderation.Repository.Audits")
}
