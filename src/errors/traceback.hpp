#pragma once
#include <cohort/detail/archive.hpp>
#include <cohort/detail/backtrace.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cohort::detail {

/// A `Backtrace` that any process can read: offsets into modules that are known by their build id. Names and
/// lines are looked up when the text is first asked for, so the process that threw, and one that only passes
/// the exception on, never read debug information. Immutable: safe to share between threads.
class Traceback {
 public:
  /// Of this process; `tail` is text for below the frames.
  Traceback(Backtrace const& trace, std::string tail);
  /// Of whatever is written in `text`.
  explicit Traceback(std::string text);
  Traceback(Traceback const&) = delete;
  Traceback& operator=(Traceback const&) = delete;
  ~Traceback();

  /// A line for each frame, the innermost first, then the tail.
  std::string const& text() const;

  static void save(Writer& out, Traceback const* traceback);
  static std::shared_ptr<Traceback const> load(Reader& in);
  /// The one that came with an exception from another process; null for any other exception.
  static std::shared_ptr<Traceback const> carried_by(std::exception_ptr const& error);

 private:
  /// As code::Module has them.
  struct Module {
    std::uint64_t id;
    std::string path;
  };
  struct Frame {
    std::uint32_t module;
    std::uint64_t offset;
  };
  /// The module number of an address that lies in no module.
  static constexpr std::uint32_t no_module = UINT32_MAX;

  std::string render() const;

  std::vector<Module> modules_;
  std::vector<Frame> frames_;
  std::string tail_;
  /// Set once, without a lock, which a fork in another thread would leave held in the child.
  mutable std::atomic<std::string const*> text_{nullptr};
};

}  // namespace cohort::detail
