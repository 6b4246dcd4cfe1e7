#pragma once
#include <cohort/detail/payload.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

/// How tasks end, and where that is gathered. All of it moves bytes only: nothing is decoded, and so no user
/// code runs, before somebody asks for the result.
namespace cohort::detail {

/// What a task calls, to be named in errors.
struct TaskLabel {
  std::type_info const* type = nullptr;
  void const* code = nullptr;  ///< of a plain function, whose type says little

  /// The function's name, as far as it can be found. Slow the first time: it may read symbol tables.
  std::string name() const;
};

template <class F> TaskLabel label_of(F const& function) {
  if constexpr (std::is_pointer_v<F>)
    return {&typeid(F), reinterpret_cast<void const*>(function)};
  else
    return {&typeid(F), nullptr};
}

/// Why a task has neither a value nor an exception of its own.
struct Failure {
  enum class Kind { broken_pool, terminated };
  Kind kind;
  std::string message;
  Payload cause{};   ///< a pickled exception, or nothing
  TaskLabel task{};  ///< goes at the end of the message, if there is one

  /// The exception to throw, made anew for each caller.
  std::exception_ptr error() const;
};

/// How a task ended: with the value or the exception its worker wrote, or with a failure.
struct Outcome {
  enum class Kind { value, exception, failure };
  Kind kind;
  Payload payload;
  std::shared_ptr<Failure const> failure;

  /// The exception, unless it is a value. Runs user code: the constructors of registered exceptions.
  std::exception_ptr error() const;
};

/// Calls a callback; what it throws is printed and goes no further.
void run_callback(std::function<void()> const& callback);

/// Gathers the outcomes of tasks. Guarded by the lock of the engine it was submitted to.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Called once for each index that was submitted.
  virtual void deliver(std::size_t index, Outcome outcome) = 0;
  /// Whether one who waits for it can go on.
  virtual bool ready() const = 0;

  /// Runs on the engine's callback thread as soon as `ready` would be true, which it is only when this has
  /// ended.
  std::function<void()> callback;
  bool called_back = false;
  bool begun = false;  ///< something was submitted for it
};

/// A fixed number of outcomes, in order of submission.
class Gather final : public Sink {
 public:
  explicit Gather(std::size_t count) : outcomes(count), missing_(count) {}
  void deliver(std::size_t index, Outcome outcome) override {
    outcomes[index] = std::move(outcome);
    --missing_;
  }
  bool ready() const override { return missing_ == 0; }

  std::vector<Outcome> outcomes;

 private:
  std::size_t missing_;
};

/// Outcomes one after the other, in order of completion.
class Stream final : public Sink {
 public:
  void deliver(std::size_t, Outcome outcome) override { arrived.push_back(std::move(outcome)); }
  bool ready() const override { return !arrived.empty(); }

  std::deque<Outcome> arrived;
};

}  // namespace cohort::detail
