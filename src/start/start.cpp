#include "start/start.hpp"

#include "memory/heap.hpp"
#include "memory/slots.hpp"
#include "os/standard_streams.hpp"
#include "start/exit.hpp"

namespace cohort::start {
namespace {

/// The entry of a process in the arena's table, given back unless the process came to be.
class ClaimedSlot {
 public:
  ClaimedSlot() = default;
  ~ClaimedSlot() {
    // A process that had come to its slot before the start failed was killed.
    if (!slot_ || !memory::withdraw_slot(slot_)) return;
    memory::sweep(slot_.number);
    memory::release_slot(slot_);
  }
  ClaimedSlot(ClaimedSlot const&) = delete;
  ClaimedSlot& operator=(ClaimedSlot const&) = delete;
  memory::Slot get() const { return slot_; }
  void keep() { slot_ = {}; }

 private:
  memory::Slot slot_ = memory::claim_slot();
};

}  // namespace

std::shared_ptr<Child> launch(Method& method, Order order) {
  auto const held = children::hold_forks();
  ClaimedSlot slot;
  order.identity.slot = slot.get();
  order.identity.parent_name = self().name;
  order.identity.parent_pid = ::getpid();
  auto child = method(order);
  slot.keep();
  return child;
}

std::shared_ptr<Child> start(std::string const& method, Order order) {
  arrange_exit();
  os::open_standard_streams();  // the program may have closed them since it began
  flush_standard_streams();     // as in Python: what is buffered comes before the child's output, and once
  Method& by = method == "fork" ? start_by_fork : method == "spawn" ? start_by_spawn : start_by_fork_server;
  for (int tries = 5;; --tries) {
    try {
      auto const held = children::hold_forks();
      auto child = launch(by, order);
      children::add(child);
      return child;
    } catch (ServerDied) {
      if (tries == 1)
        throw RuntimeError("cohort: the fork server was killed again and again while it started a process");
    }
  }
}

}  // namespace cohort::start
