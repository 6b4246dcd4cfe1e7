#pragma once
#include "os/descriptor.hpp"
#include "os/poll.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

namespace cohort::connection {

/// A descriptor that threads use and that any of them may close meanwhile. The number goes back to the kernel
/// only when the last call that uses it has returned, so none of them can meet a stranger's file under it;
/// those that wait are woken and fail.
class GuardedDescriptor {
 public:
  explicit GuardedDescriptor(os::Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  /// Keeps the number valid while it lives. Throws `std::system_error` (EBADF) if closed.
  class Use {
   public:
    explicit Use(GuardedDescriptor& owner);
    Use(Use&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Use& operator=(Use&&) = delete;
    ~Use();

    int number() const { return owner_->descriptor_.get(); }
    /// Throws EBADF once the descriptor has been closed.
    void check_open() const;
    /// Waits until one of poll(2)'s events has come; false when the deadline passed first. Throws EBADF when
    /// another thread closes.
    bool wait(short events, os::Deadline deadline) const;

   private:
    GuardedDescriptor* owner_;
  };

  void close();
  bool closed() const { return (state_.load(std::memory_order_acquire) & closed_bit) != 0; }

 private:
  // The fork generation of the users, the closed bit, and the number of users: calls that were running in
  // the parent at a fork do not count in the child, where nobody will end them.
  static constexpr std::uint64_t closed_bit = 1U << 31;
  static constexpr std::uint64_t users_mask = closed_bit - 1;
  static std::uint64_t of_this_process(std::uint64_t state);

  os::Descriptor descriptor_;
  std::atomic<std::uint64_t> state_{0};
};

}  // namespace cohort::connection
