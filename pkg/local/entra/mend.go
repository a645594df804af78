package entra

import (
	"bytes"
	"maps"
	"slices"
)

// mendUser adds a user or changes one.
func (d *tenant) mendUser(body []byte) (any, error) {
	var it User
	if err := decodeStrict(bytes.NewReader(body), &it); err != nil {
		return nil, err
	}
	u, err := it.complete(d.initial)
	if err != nil {
		return nil, err
	}
	if old := d.users[u.ID]; old != nil {
		u = old.User
		if err := decodeStrict(bytes.NewReader(body), &u); err != nil {
			return nil, err
		}
	}
	added, err := d.putUser(u)
	if err != nil {
		return nil, err
	}
	return added.User, nil
}

// mendGroup adds a group or changes one; members are replaced if the body has them.
func (d *tenant) mendGroup(body []byte) (any, error) {
	var it Group
	if err := decodeStrict(bytes.NewReader(body), &it); err != nil {
		return nil, err
	}
	it, err := it.complete()
	if err != nil {
		return nil, err
	}
	if old := d.groups[it.ID]; old != nil {
		it = old.Group
		it.Members = slices.Sorted(maps.Keys(old.members))
		if err := decodeStrict(bytes.NewReader(body), &it); err != nil {
			return nil, err
		}
	}
	added, err := d.putGroup(it)
	if err != nil {
		return nil, err
	}
	return added.Group, nil
}

// mendApp adds an application or changes the one with its appId; roles and assignments are replaced if the body has them.
func (d *tenant) mendApp(body []byte) (any, error) {
	var it Application
	if err := decodeStrict(bytes.NewReader(body), &it); err != nil {
		return nil, err
	}
	it, err := it.complete(d.id)
	if err != nil {
		return nil, err
	}
	if old := d.appIDs[it.AppID]; old != nil {
		it = old.Application
		it.Assignments = old.assignments()
		if err := decodeStrict(bytes.NewReader(body), &it); err != nil {
			return nil, err
		}
	}
	added, err := d.putApp(it)
	if err != nil {
		return nil, err
	}
	return added.Application, nil
}

func (d *tenant) dropUserID(id string) bool {
	u := d.users[id]
	if u != nil {
		d.dropUser(u)
	}
	return u != nil
}

func (d *tenant) dropGroupID(id string) bool {
	_, is := d.groups[id]
	delete(d.groups, id)
	return is
}

// dropAppID takes the application id or the object id of the service principal.
func (d *tenant) dropAppID(id string) bool {
	a := d.appIDs[id]
	if a == nil {
		a = d.apps[id]
	}
	if a != nil {
		d.dropApp(a)
	}
	return a != nil
}
