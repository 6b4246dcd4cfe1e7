#include "start/monitor.hpp"

#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "os/fork.hpp"
#include "os/thread.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <map>
#include <mutex>

namespace cohort::start {

struct WatchEntry {
  std::uint64_t id = 0;
  unsigned fork = os::fork_generation();  // a forked child has copies of its parent's
  int sentinel = -1;
  std::function<void()> on_end;
  std::mutex calling;  // held during the call; guards cancelled
  bool cancelled = false;
};

namespace {

constexpr std::uint64_t stop_id = 0;
std::atomic<std::uint64_t> last_id{stop_id};  // never the same again, also in the next monitor
thread_local bool on_monitor_thread = false;

class Monitor {
 public:
  Monitor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    if (!epoll_ || !stop_) os::fail(errno, "cannot start the death monitor");
    listen(stop_.get(), stop_id);
    thread_ = os::start_thread("cohort-monitor", [this] { run(); });
  }

  void stop() {
    std::uint64_t const one = 1;
    static_cast<void>(::write(stop_.get(), &one, sizeof one));
    thread_.join();
  }

  /// In a forked child: the thread is not there, and the epoll set is the parent's.
  void abandon() {
    epoll_.reset();
    stop_.reset();
  }

  void add(std::shared_ptr<WatchEntry> const& entry) {
    std::lock_guard const lock(mutex_);
    entry->id = ++last_id;
    listen(entry->sentinel, entry->id);
    watched_[entry->id] = entry;
  }

  void remove(WatchEntry& entry) {
    std::lock_guard const lock(mutex_);
    if (watched_.erase(entry.id) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.sentinel, nullptr);
  }

  bool is_idle() {
    std::lock_guard const lock(mutex_);
    return watched_.empty();
  }

 private:
  void listen(int descriptor, std::uint64_t id) {
    epoll_event event{EPOLLIN, {}};
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
      os::fail(errno, "cannot watch over a process");
  }

  std::shared_ptr<WatchEntry> find(std::uint64_t id) {
    std::lock_guard const lock(mutex_);
    auto const found = watched_.find(id);
    return found == watched_.end() ? nullptr : found->second;
  }

  void run() {
    on_monitor_thread = true;
    for (;;) {
      epoll_event event;
      if (os::retry([&] { return ::epoll_wait(epoll_.get(), &event, 1, -1); }) != 1) return;
      if (event.data.u64 == stop_id) return;
      auto const entry = find(event.data.u64);
      if (!entry) continue;
      remove(*entry);
      std::lock_guard const lock(entry->calling);
      if (!entry->cancelled) entry->on_end();
    }
  }

  os::Descriptor epoll_, stop_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<WatchEntry>> watched_;
  std::thread thread_;
};

/// The monitor of this process; made with the first watch.
struct Holder {
  std::mutex mutex;
  Monitor* monitor = nullptr;
};

Holder*& holder_pointer() {
  static Holder* holder = nullptr;
  return holder;
}

void forget_monitor() {
  if (holder_pointer()->monitor != nullptr) holder_pointer()->monitor->abandon();
  on_monitor_thread = false;
  holder_pointer() = new Holder;  // the old one's lock may be held by a thread that does not exist here
}

Holder& holder() {
  static bool const ready = [] {
    holder_pointer() = new Holder;
    return ::pthread_atfork(nullptr, nullptr, forget_monitor) == 0;
  }();
  static_cast<void>(ready);
  return *holder_pointer();
}

}  // namespace

Watch::Watch(int sentinel, std::function<void()> on_end) : entry_(std::make_shared<WatchEntry>()) {
  entry_->sentinel = sentinel;
  entry_->on_end = std::move(on_end);
  std::lock_guard const lock(holder().mutex);
  if (holder().monitor == nullptr) holder().monitor = new Monitor;
  holder().monitor->add(entry_);
}

Watch::Watch(Watch&&) noexcept = default;

Watch& Watch::operator=(Watch&& other) noexcept {
  Watch(std::move(other)).entry_.swap(entry_);
  return *this;
}

Watch::~Watch() {
  if (!entry_ || entry_->fork != os::fork_generation()) return;
  {
    std::lock_guard const lock(holder().mutex);
    if (holder().monitor != nullptr) holder().monitor->remove(*entry_);
  }
  if (on_monitor_thread) {
    entry_->cancelled = true;  // within the call itself, or between two
  } else {
    std::lock_guard const lock(entry_->calling);
    entry_->cancelled = true;
  }
}

void rest_monitor() {
  Monitor* idle = nullptr;
  {
    std::lock_guard const lock(holder().mutex);
    if (holder().monitor == nullptr || !holder().monitor->is_idle()) return;
    idle = std::exchange(holder().monitor, nullptr);
  }
  idle->stop();  // without the lock, which a call that is under way may need
  delete idle;
}

}  // namespace cohort::start
