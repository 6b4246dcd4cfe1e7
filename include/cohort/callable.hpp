#pragma once
#include <cohort/detail/ship.hpp>
#include <cohort/pickle.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

/// Callables that can travel to another process: functions and pointers to them, lambdas without captures,
/// function objects that are `Picklable`, and what `partial` and `method` make of these.
namespace cohort {

/// What `partial` returns: a function whose first arguments are given already.
template <class F, class... Bound> class Partial {
 public:
  explicit Partial(F function, Bound... bound)
      : function_(std::move(function)), bound_(std::move(bound)...) {}

  template <class... A>
  auto operator()(A&&... arguments) const -> std::invoke_result_t<F const&, Bound const&..., A...> {
    return std::apply(
        [&](Bound const&... bound) -> decltype(auto) {
          return std::invoke(function_, bound..., std::forward<A>(arguments)...);
        },
        bound_);
  }

 private:
  friend detail::Codec<Partial>;
  F function_;
  std::tuple<Bound...> bound_;
};

/// Binds the first arguments of a function: Python's `functools.partial`. The values travel like arguments,
/// which gives a lambda that travels its captures:
///
///     pool.map(cohort::partial([](double k, double x) { return k * x; }, 2.5), values);
///
/// The bound values are copied, string literals to `std::string`, and are constant to the function. Distinct
/// objects: safe. Shared objects: as safe as the function.
template <class F, class... Bound> auto partial(F function, Bound... bound) {
  return Partial<F, detail::ship_t<Bound>...>(std::move(function), std::move(bound)...);
}

/// The type of `method<M>`.
template <auto M> struct Method {
  template <class T, class... A>
  auto operator()(T&& object, A&&... arguments) const -> std::invoke_result_t<decltype(M), T, A...> {
    return std::invoke(M, std::forward<T>(object), std::forward<A>(arguments)...);
  }
};
/// A member function, or data member, as a function of the object: `pool.map(cohort::method<&Job::run>,
/// jobs)`. A pointer to member that is known only at run time cannot travel.
template <auto M> inline constexpr Method<M> method{};

/// A call without arguments or result, of any type that can travel: an `initializer`, the `action` of a
/// Barrier.
///
///     mp::Pool pool({.initializer = cohort::partial(open_log, "workers.log")});
///
/// Copies share the callable. In the process that made it a Task just calls; from another it arrives through
/// code identity, so both must be the same build. Calling one Task from two threads is as safe as its
/// callable.
class Task {
 public:
  /// Calls nothing.
  Task() = default;
  template <class F>
  requires(!std::is_same_v<F, Task> && std::invocable<F&>) Task(F function) {
    detail::check_task<F, void>();
    if constexpr (detail::shippable_callable<F>) target_ = std::make_shared<Target<F>>(std::move(function));
  }

  explicit operator bool() const { return target_ != nullptr; }
  /// Calls the function; nothing if there is none.
  void operator()() const {
    if (target_) target_->call();
  }

  void save(detail::Writer& writer) const;
  static Task load(detail::Reader& reader);

 private:
  using Loader = Task(detail::Reader&);

  struct AnyTarget {
    virtual ~AnyTarget() = default;
    virtual void call() = 0;
    virtual detail::Entry<Loader> const& loader() const = 0;
    virtual void save(detail::Writer& writer) const = 0;
  };
  template <class F> struct Target final : AnyTarget {
    explicit Target(F given) : function(std::move(given)) {}
    void call() override { std::invoke(function); }
    detail::Entry<Loader> const& loader() const override {
      return detail::entry<Loader, &Task::load_target<F>, F>;
    }
    void save(detail::Writer& writer) const override { detail::save_callable(writer, function); }
    F function;
  };
  template <class F> static Task load_target(detail::Reader& reader) {
    return Task(detail::load_callable<F>(reader));
  }

  std::shared_ptr<AnyTarget> target_;
};

namespace detail {

template <class F, class... Bound>
requires shippable_callable<F>
struct Codec<Partial<F, Bound...>> {
  using Parts = Types<Bound...>;
  static void save(Writer& writer, Partial<F, Bound...> const& partial) {
    save_callable(writer, partial.function_);
    detail::save(writer, partial.bound_);
  }
  static Partial<F, Bound...> load(Reader& reader) {
    auto function = load_callable<F>(reader);
    return std::apply(
        [&](Bound&&... bound) { return Partial<F, Bound...>(std::move(function), std::move(bound)...); },
        detail::load<std::tuple<Bound...>>(reader));
  }
};

}  // namespace detail
}  // namespace cohort
