#pragma once
#include <functional>
#include <memory>

namespace cohort::start {

struct WatchEntry;

/// Asks the death monitor, one thread that waits in epoll on all that is watched, to call `on_end` once
/// `sentinel` is readable. The call comes on the monitor's thread: it must not block on a user. Destroying
/// the watch (from any thread but the monitor's own) waits until the call is not under way; on the monitor's
/// it just ends the watch.
///
/// A forked child has no monitor and none of its parent's watches.
class Watch {
 public:
  Watch() = default;
  Watch(int sentinel, std::function<void()> on_end);
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

 private:
  std::shared_ptr<WatchEntry> entry_;
};

/// Ends the monitor's thread when nothing is watched; it starts again when needed.
void rest_monitor();

}  // namespace cohort::start
