#pragma once
#include <array>
#include <boost/preprocessor/repetition/enum.hpp>
#include <boost/preprocessor/repetition/enum_params.hpp>
#include <boost/preprocessor/repetition/enum_shifted_params.hpp>
#include <boost/preprocessor/repetition/repeat_from_to.hpp>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

/// The fields of an aggregate, without a macro or member function: how many there are, of which types, and a
/// reference to each. C arrays, constant and move-only members are fields like any other; base classes are
/// not.
namespace cohort::detail {

inline constexpr std::size_t max_fields = 64;

/// An initialiser for a field of any type, in unevaluated operands.
struct Any {
  template <class T> operator T() const;
};
/// An initialiser for an lvalue reference, which `Any` is none for.
struct AnyReference {
  template <class T> operator T&() const;
};
/// An initialiser for a base class of `T` only.
template <class T> struct AnyBase {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base() const;
};
template <std::size_t> using AnyAt = Any;

/// Whether `T{{}, {}, ..., Tail{}...}` with N times `{}` is well formed. `{}` initialises exactly one field,
/// arrays included, whose elements `Any` would count one by one.
template <std::size_t N> struct Braces;
#define COHORT_BRACES(z, n, data) \
  {}
#define COHORT_BRACES_ACCEPTED(z, n, data)                                            \
  template <> struct Braces<n> {                                                      \
    template <class T> static constexpr bool accepted = requires {                    \
      T{BOOST_PP_ENUM_##z(n, COHORT_BRACES, ~)};                                      \
    };                                                                                \
    template <class T, class Tail> static constexpr bool accepted_before = requires { \
      T{BOOST_PP_ENUM_##z(n, COHORT_BRACES, ~) BOOST_PP_COMMA_IF(n) Tail{}};          \
    };                                                                                \
  };
BOOST_PP_REPEAT_FROM_TO(0, 66, COHORT_BRACES_ACCEPTED, ~)
#undef COHORT_BRACES_ACCEPTED
#undef COHORT_BRACES

template <class T, std::size_t N = 0> constexpr std::size_t count_braces() {
  if constexpr (N > max_fields)
    return N;
  else if constexpr (Braces<N + 1>::template accepted<T>)
    return count_braces<T, N + 1>();
  else
    return N;
}

/// Whether T accepts a flat list of Before initialisers, then a braced list of Nested ones, then After more.
template <class T, std::size_t... Before> constexpr bool accepts_flat(std::index_sequence<Before...>) {
  return requires { T{AnyAt<Before>{}...}; };
}
template <class T, std::size_t... Before, std::size_t... Nested, std::size_t... After>
constexpr bool accepts_nested(std::index_sequence<Before...>, std::index_sequence<Nested...>,
                              std::index_sequence<After...>) {
  return requires { T{AnyAt<Before>{}..., {AnyAt<Nested>{}...}, AnyAt<After>{}...}; };
}
template <class T, std::size_t... Rest> constexpr bool accepts_base(std::index_sequence<Rest...>) {
  return requires { T{AnyBase<T>{}, AnyAt<Rest>{}...}; };
}

/// How many initialisers a flat list takes at most, the elements of arrays counted one by one; 0 if no list
/// that is worth trying is accepted.
template <class T, std::size_t N = 1> constexpr std::size_t count_flat() {
  if constexpr (N > 2 * max_fields)
    return 0;
  else if constexpr (accepts_flat<T>(std::make_index_sequence<N>()) &&
                     !accepts_flat<T>(std::make_index_sequence<N + 1>()))
    return N;
  else
    return count_flat<T, N + 1>();
}

/// As `extent_at`, where `{}` is no value: all the elements are given in braces of their own.
template <class T, std::size_t Flat, std::size_t At, std::size_t Extent = 2>
constexpr std::size_t extent_without_default() {
  if constexpr (At + Extent > Flat) {
    return 1;
  } else {
    constexpr std::make_index_sequence<At> before;
    constexpr std::make_index_sequence<Extent> nested;
    if constexpr (accepts_nested<T>(before, nested, std::make_index_sequence<Flat - At - Extent>()) &&
                  !accepts_nested<T>(before, nested, std::make_index_sequence<Flat - At - Extent + 1>()))
      return Extent;
    else
      return extent_without_default<T, Flat, At, Extent + 1>();
  }
}
/// How many of the flat initialisers the field takes that begins at number At: the elements of an array, one
/// for anything else. `{}` in their place leaves room for all that follow, and for no more.
template <class T, std::size_t Flat, std::size_t At, std::size_t Extent = 1>
constexpr std::size_t extent_at() {
  if constexpr (At + Extent > Flat)
    return extent_without_default<T, Flat, At>();
  else if constexpr (accepts_nested<T>(std::make_index_sequence<At>(), std::index_sequence<>(),
                                       std::make_index_sequence<Flat - At - Extent>()))
    return Extent;
  else
    return extent_at<T, Flat, At, Extent + 1>();
}
template <class T, std::size_t Flat, std::size_t At = 0, std::size_t Count = 0>
constexpr std::size_t count_nested() {
  if constexpr (At == Flat)
    return Count;
  else
    return count_nested<T, Flat, At + extent_at<T, Flat, At>(), Count + 1>();
}

/// The number of fields where one of them has no default, or only one that `T` gives it.
template <class T> constexpr std::optional<std::size_t> count_fields_flat() {
  constexpr std::size_t flat = count_flat<T>();
  if constexpr (flat == 0)
    return std::nullopt;
  else if constexpr (accepts_base<T>(std::make_index_sequence<flat - 1>()))
    return std::nullopt;
  else if constexpr (count_nested<T, flat>() > max_fields)
    return std::nullopt;
  else
    return count_nested<T, flat>();
}

/// The number of fields; none where it cannot be found, as for an aggregate with a base class or a reference.
template <class T> constexpr std::optional<std::size_t> count_fields() {
  if constexpr (!Braces<0>::template accepted<T>) {
    return count_fields_flat<T>();
  } else {
    constexpr std::size_t count = count_braces<T>();
    if constexpr (count > max_fields)
      return std::nullopt;
    else if constexpr (accepts_base<T>(std::index_sequence<>()))
      return std::nullopt;
    else if constexpr (Braces<count>::template accepted_before<T, AnyReference>)
      return std::nullopt;
    else if constexpr (Braces<count>::template accepted_before<T, Any>)
      return count_fields_flat<T>();
    else
      return count;
  }
}

template <class... T> struct Types { static constexpr std::size_t size = sizeof...(T); };

/// Binds the fields of an aggregate that has N of them.
template <std::size_t N> struct Binding;
template <> struct Binding<0> {
  template <class T> static Types<> types(T&);
  template <class T, class Visitor> static decltype(auto) visit(T&, Visitor&& visitor) { return visitor(); }
};
#define COHORT_FIELD_TYPE(z, n, data) decltype(f##n)
#define COHORT_BINDING(z, n, data)                                                               \
  template <> struct Binding<n> {                                                                \
    template <class T> static auto types(T& value) {                                             \
      auto& [BOOST_PP_ENUM_PARAMS_Z(z, n, f)] = value;                                           \
      return Types<BOOST_PP_ENUM_##z(n, COHORT_FIELD_TYPE, ~)>{};                                \
    }                                                                                            \
    template <class T, class Visitor> static decltype(auto) visit(T& value, Visitor&& visitor) { \
      auto& [BOOST_PP_ENUM_PARAMS_Z(z, n, f)] = value;                                           \
      return visitor(BOOST_PP_ENUM_PARAMS_Z(z, n, f));                                           \
    }                                                                                            \
  };
BOOST_PP_REPEAT_FROM_TO(1, 65, COHORT_BINDING, ~)
#undef COHORT_BINDING
#undef COHORT_FIELD_TYPE

/// `Types<...>` of the fields as declared; references and constness kept.
template <class T> using FieldTypes = decltype(Binding<*count_fields<T>()>::types(std::declval<T&>()));

/// Calls `visitor(field...)` with all the fields of `value`, in order.
template <class T, class Visitor> decltype(auto) visit_fields(T& value, Visitor&& visitor) {
  return Binding<*count_fields<std::remove_const_t<T>>()>::visit(value, std::forward<Visitor>(visitor));
}

}  // namespace cohort::detail
