#pragma once
#include <chrono>
#include <optional>

namespace cohort {

/// How long a call may block: Python's `timeout=` argument.
///
/// Converts from any `std::chrono::duration` and from `std::nullopt`; the default is to wait for ever, zero
/// and negative durations poll. A value type, safe to copy between threads.
///
///     process.join(2s);
///     queue.get(true, std::nullopt);
class Timeout {
 public:
  using Clock = std::chrono::steady_clock;

  constexpr Timeout() = default;
  constexpr Timeout(std::nullopt_t) {}
  template <class Rep, class Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> limit) : limit_(saturate(limit)) {}

  /// The limit, never negative; none when the wait has no end.
  constexpr std::optional<std::chrono::nanoseconds> limit() const { return limit_; }

  /// The moment at which a wait that begins now must end; none when it has no end.
  std::optional<Clock::time_point> deadline() const {
    if (!limit_) return std::nullopt;
    return Clock::now() + *limit_;
  }

 private:
  /// A duration of any unit as nanoseconds: negative ones poll, and more than a century is for ever.
  template <class Rep, class Period>
  static constexpr std::optional<std::chrono::nanoseconds> saturate(
      std::chrono::duration<Rep, Period> limit) {
    using Seconds = std::chrono::duration<double>;
    double const seconds = std::chrono::duration_cast<Seconds>(limit).count();
    if (!(seconds > 0)) return std::chrono::nanoseconds(0);
    if (seconds > 3.2e9) return std::nullopt;
    return std::chrono::ceil<std::chrono::nanoseconds>(limit);
  }

  std::optional<std::chrono::nanoseconds> limit_;
};

}  // namespace cohort
