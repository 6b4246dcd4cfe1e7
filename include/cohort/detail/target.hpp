#pragma once
#include <cohort/callable.hpp>
#include <cohort/detail/entry.hpp>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

/// What a Process runs: a callable and its arguments, with their types erased.
namespace cohort::detail {

class Target {
 public:
  virtual ~Target() = default;
  /// Calls the callable. The arguments are moved out: it can be done once.
  virtual void run() = 0;
  /// Writes what `TargetOf::load` of the same type reads, its entry first. Throws `PicklingError` that names
  /// the part which cannot travel.
  virtual void save(Writer& writer) const = 0;
};

using LoadTarget = std::unique_ptr<Target>(Reader&);

/// The sentence of the `PicklingError` for part `index` of a target: 0 is the callable.
[[noreturn]] void fail_target(std::size_t index, char const* type_name);

template <class F, class... A> class TargetOf final : public Target {
 public:
  TargetOf(F function, A... arguments)
      : function_(std::move(function)), arguments_(std::move(arguments)...) {}

  void run() override {
    std::apply([&](A&... arguments) { std::invoke(function_, std::move(arguments)...); }, arguments_);
  }

  void save(Writer& writer) const override {
    if constexpr (!shippable_callable<F>) {
      fail_target(0, typeid(F).name());
    } else if constexpr (!(pickles_v<A> && ...)) {
      std::size_t index = 0;
      ((++index, pickles_v<A> ? void() : fail_target(index, typeid(A).name())), ...);
    } else {
      save_entry(writer, entry<LoadTarget, &load, TargetOf>);
      save_callable(writer, function_);
      std::apply([&](A const&... arguments) { (detail::save(writer, arguments), ...); }, arguments_);
    }
  }

 private:
  static std::unique_ptr<Target> load(Reader& reader) {
    // Braces, so that the parts are read in the order they were written.
    std::tuple<F, A...> parts{load_callable<F>(reader), detail::load<A>(reader)...};
    return std::apply([](auto&&... part) { return std::make_unique<TargetOf>(std::move(part)...); },
                      std::move(parts));
  }

  F function_;
  std::tuple<A...> arguments_;
};

template <class F, class... A> std::unique_ptr<Target> make_target(F function, A... arguments) {
  return std::make_unique<TargetOf<F, ship_t<A>...>>(std::move(function), std::move(arguments)...);
}

}  // namespace cohort::detail
