#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>

namespace cohort::detail {

/// The functions that were running when an exception was thrown: code addresses of this process, the one
/// that threw first. Filling it allocates nothing, for the exception may be `std::bad_alloc`.
class Backtrace {
 public:
  static constexpr std::size_t capacity = 64;

  std::span<std::uintptr_t const> frames() const { return {frames_.data(), count_}; }
  bool full() const { return count_ == capacity; }
  void push(std::uintptr_t address) { frames_[count_++] = address; }
  void pop() {
    if (count_ != 0) --count_;
  }
  void clear() { count_ = 0; }

 private:
  std::array<std::uintptr_t, capacity> frames_;
  std::size_t count_ = 0;
};

/// Runs `function(argument)`. An exception that leaves it is returned, null if none does, and `trace` is then
/// the stack at its throw point (after `throw;` that of the rethrow). Those caught within cost nothing extra.
/// Cancellation and the exit of the thread pass through. The trace is empty where the C++ runtime is not
/// libstdc++.
std::exception_ptr run_guarded(void (*function)(void*), void* argument, Backtrace& trace);

/// The same for any callable without arguments.
template <class F> std::exception_ptr run_guarded(F&& function, Backtrace& trace) {
  auto* task = std::addressof(function);
  return run_guarded([](void* argument) { (**static_cast<decltype(task)*>(argument))(); },
                     static_cast<void*>(&task), trace);
}

}  // namespace cohort::detail
