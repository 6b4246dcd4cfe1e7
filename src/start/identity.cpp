#include "start/identity.hpp"

#include <atomic>

namespace cohort::start {
namespace {

struct Self {
  Identity identity{"MainProcess", {}, false, {}, 0, {}, {}};
  os::Descriptor lifeline;
  std::atomic<std::uint32_t> children_made{0};
  bool may_have_children = true;
};

Self& state() {
  static Self& self = *new Self;
  return self;
}

}  // namespace

Identity const& self() { return state().identity; }

void become(Identity identity, os::Descriptor lifeline) {
  Self& self = state();
  self.identity = std::move(identity);
  self.lifeline = std::move(lifeline);
  self.may_have_children = !self.identity.daemon;
  if (self.identity.daemon) os::die_with(self.lifeline);
}

os::Descriptor const& parent_lifeline() { return state().lifeline; }

void count_children() { state().children_made = 0; }

std::vector<std::uint32_t> next_child_path() {
  auto path = state().identity.path;
  path.push_back(++state().children_made);
  return path;
}

void allow_children() { state().may_have_children = true; }
bool may_have_children() { return state().may_have_children; }

}  // namespace cohort::start
