package ldapsrc

// Mark says how far a read of one server went below one base. It is kept along
// with what was found and given to Changes. The numbers of one server mean
// nothing on another (documented: ADX ds2exchgd_5vhh).
type Mark struct {
	Server string `json:"server"` // URL
	Base   string `json:"base"`
	USN    int64  `json:"usn,omitempty"` // highest that was seen
}
