#include "connection/bell.hpp"

#include "os/fork.hpp"

#include <sys/eventfd.h>

#include <memory>
#include <mutex>
#include <utility>

namespace cohort::connection {
namespace {

using Bell = std::shared_ptr<os::Descriptor const>;

class Tower {
 public:
  Bell current() {
    std::scoped_lock const turn(*this);
    if (!bell_) {
      os::Descriptor made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (made) bell_ = std::make_shared<os::Descriptor const>(std::move(made));
    }
    return bell_;
  }
  Bell take() {
    std::scoped_lock const turn(*this);
    return std::exchange(bell_, nullptr);
  }

  void lock() {
    // What a thread left half done at a fork is never touched again.
    if (!mutex_.lock_whole()) std::construct_at(&bell_);
    // A forked child has its parent's bell and must not listen to it.
    if (std::exchange(generation_, os::fork_generation()) != os::fork_generation()) bell_ = nullptr;
  }
  void unlock() { mutex_.unlock(); }

 private:
  os::ForkMutex mutex_;
  unsigned generation_ = 0;
  Bell bell_;
};

constinit os::Immortal<Tower> tower;

}  // namespace

std::shared_ptr<os::Descriptor const> current_bell() { return tower.value.current(); }

void ring_bell() {
  if (auto const bell = tower.value.take()) ::eventfd_write(bell->get(), 1);
}

}  // namespace cohort::connection
