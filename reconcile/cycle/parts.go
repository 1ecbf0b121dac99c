package cycle

import (
	"iter"
	"maps"
	"slices"

	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// parts are the recipients by where they are and whose they are.
type parts struct {
	present    []ldapsrc.Entry // those of the import container that may be from cc:Mail, whoever made them
	ours       int             // of these
	notOurs    int             // of these
	former     []ldapsrc.Entry // the same in containers that were the import container before
	exportable []int           // recipients of each export container that are not ours
	strays     []string        // DNs of custom recipients of ours that are where it never looks for its own
}

// sortedOut looks at every recipient once.
func (r *run) sortedOut() *parts {
	if r.parts != nil {
		return r.parts
	}
	p := &parts{}
	var containers []string
	if out := r.connector.Exchange.Export; out != nil {
		containers = out.Containers
		p.exportable = make([]int, len(containers))
	}
	for _, e := range r.recipients {
		imported := r.isImported(e)
		ours := imported && r.isOurMark(r.markOf(e))
		switch {
		case !imported:
		case r.isPresent(e):
			p.present = append(p.present, e)
			if ours {
				p.ours++
			} else {
				p.notOurs++
			}
		case r.isFormer(e):
			p.former = append(p.former, e)
		case ours:
			p.strays = append(p.strays, e.DN())
		}
		for i, container := range containers {
			if !ours && ldapsrc.DNWithin(e.DN(), container) {
				p.exportable[i]++
			}
		}
	}
	r.parts = p
	return p
}

// letGo forgets the recipients that no step changes or deletes, when nothing is
// to be written: of a large directory they are as large as the plan that is still
// to be made.
func (r *run) letGo() {
	if !r.planOnly {
		return
	}
	r.sortedOut().present, r.parts.former, r.readings = nil, nil, nil
	needed := slices.Collect(maps.Values(r.there(r.toExchange.Steps)))
	r.recipients = slices.DeleteFunc(needed, func(e ldapsrc.Entry) bool { return e.DN() == "" })
}

// isPresent reports whether an entry is in the import container.
func (r *run) isPresent(e ldapsrc.Entry) bool {
	settings := r.connector.Exchange.Import
	return settings != nil && settings.Container != "" && ldapsrc.DNWithin(e.DN(), settings.Container)
}

// isFormer reports whether an entry is in a container that was the import
// container before.
func (r *run) isFormer(e ldapsrc.Entry) bool {
	settings := r.connector.Exchange.Import
	return settings != nil && slices.ContainsFunc(settings.FormerContainers, func(container string) bool {
		return ldapsrc.DNWithin(e.DN(), container)
	})
}

// others are all recipients but those of the import container and of former
// ones.
func (r *run) others() []ldapsrc.Entry {
	var others []ldapsrc.Entry
	for _, e := range r.recipients {
		if !r.isImported(e) || !r.isPresent(e) && !r.isFormer(e) {
			others = append(others, e)
		}
	}
	return others
}

// decoded are the recipients that are chosen, decoded one by one.
func (r *run) decoded(chosen func(ldapsrc.Entry) bool) iter.Seq[ldapsrc.Recipient] {
	return func(yield func(ldapsrc.Recipient) bool) {
		for _, e := range r.recipients {
			if chosen(e) && !yield(e.Recipient()) {
				return
			}
		}
	}
}

// model turns recipients into what a plan is made from.
func (r *run) model(entries []ldapsrc.Entry) []reconcile.Recipient {
	all := make([]reconcile.Recipient, len(entries))
	for i, e := range entries {
		decoded := e.Recipient()
		all[i] = mapping.Present(&decoded, r.link)
	}
	return all
}

// isImported is [mapping.Link.Imported] of an entry, which most are not decoded
// for.
func (r *run) isImported(e ldapsrc.Entry) bool {
	switch e.Class() {
	case ldapsrc.CustomRecipient:
		return true
	case ldapsrc.DistributionList:
		if r.markOf(e) == "" {
			return false
		}
		decoded := e.Recipient()
		return r.link.Imported(&decoded)
	case ldapsrc.Mailbox, ldapsrc.PublicFolder:
	}
	return false
}

// isOurs reports whether an entry came from cc:Mail and carries the mark of this
// connector, or of one that it has taken the place of.
func (r *run) isOurs(e ldapsrc.Entry) bool { return r.isImported(e) && r.isOurMark(r.markOf(e)) }

func (r *run) markOf(e ldapsrc.Entry) string {
	return e.Attribute(r.connector.Server.Profile.Fields.ImportedFrom)
}

func (r *run) isOurMark(mark string) bool {
	mark = reconcile.Fold(mark)
	return mark != "" && (mark == reconcile.Fold(r.connector.Name) ||
		slices.ContainsFunc(r.formerNames(), func(former string) bool { return reconcile.Fold(former) == mark }))
}
