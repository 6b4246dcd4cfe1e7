#pragma once
#include <cohort/detail/codec_classes.hpp>
#include <cohort/detail/entry.hpp>
#include <cohort/detail/picklable.hpp>
#include <cohort/detail/refuse.hpp>

#include <bit>
#include <cstddef>
#include <string>
#include <type_traits>

/// What becomes of callables and arguments on their way to another process.
namespace cohort::detail {

/// The type as which an argument travels: a copy, and a string for a string literal.
template <class T> struct Ship { using type = std::decay_t<T>; };
template <class T>
requires(std::is_same_v<std::decay_t<T>, char const*> ||
         std::is_same_v<std::decay_t<T>, char*>) struct Ship<T> {
  using type = std::string;
};
template <class T> using ship_t = typename Ship<T>::type;

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;
/// Such as a lambda without captures: nothing has to travel. Default constructors are not asked for: a lambda
/// that begins with [=] or [&] has none, although it captures nothing.
template <class F>
inline constexpr bool is_stateless =
    std::is_class_v<F>&& std::is_empty_v<F>&& std::is_trivially_copyable_v<F>;

template <class F>
inline constexpr bool shippable_callable = is_function_pointer<std::decay_t<F>> || is_stateless<F> ||
                                           (std::is_class_v<F> && pickles_v<F>);

/// Stops the compilation because a callable cannot travel.
template <class F> constexpr void refuse_callable() {
  if constexpr (std::is_member_pointer_v<F> || is_std_function<F> || is_reference<F>)
    refuse<F>();
  else if constexpr (HasCodec<F>)  // it is something inside it, such as a bound value
    refuse<refused_part_t<F>>();
  else
    static_assert(picklable<F>,
                  "cohort: a lambda with captures cannot travel to another process; bind the values with "
                  "cohort::partial(f, values...)");
}

/// Refuses a task of which the callable, an argument or the result cannot travel.
template <class F, class R, class... A> constexpr void check_task() {
  if constexpr (!shippable_callable<F>) refuse_callable<F>();
  (check_value<A>(), ...);
  check_value<R>();
}

/// Writes what of a callable is not known from its type: nothing, which function, or the value.
template <class F> void save_callable([[maybe_unused]] Writer& writer, [[maybe_unused]] F const& callable) {
  if constexpr (is_function_pointer<F>)
    save_code(writer, reinterpret_cast<void*>(callable));
  else if constexpr (!is_stateless<F>)
    detail::save(writer, callable);
}
template <class F> F load_callable([[maybe_unused]] Reader& reader) {
  if constexpr (is_function_pointer<F>)
    return reinterpret_cast<F>(load_code(reader));
  else if constexpr (is_stateless<F>)
    return std::bit_cast<F>(std::byte{});
  else
    return detail::load<F>(reader);
}

}  // namespace cohort::detail
