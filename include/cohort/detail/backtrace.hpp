#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <type_traits>

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
  auto const call = [](void* argument) { (*static_cast<std::remove_reference_t<F>*>(argument))(); };
  return run_guarded(call, const_cast<void*>(static_cast<void const*>(std::addressof(function))), trace);
}

}  // namespace cohort::detail
