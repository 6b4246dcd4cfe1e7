#pragma once
#include <cohort/detail/picklable.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

/// The sentences in which the compiler says why something cannot travel, and what to do. Each is the text of
/// one static_assert; the type is named in the compiler's line about the function that holds it.
namespace cohort::detail {

template <class T> inline constexpr bool is_view = false;
template <class C, class Traits> inline constexpr bool is_view<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N> inline constexpr bool is_view<std::span<T, N>> = true;
template <class T> inline constexpr bool is_reference = std::is_reference_v<T>;
template <class T> inline constexpr bool is_reference<std::reference_wrapper<T>> = true;
template <class T> inline constexpr bool is_std_function = false;
template <class S> inline constexpr bool is_std_function<std::function<S>> = true;

template <class T> inline constexpr bool is_polymorphic_pointer = false;
template <class T>
inline constexpr bool is_polymorphic_pointer<std::unique_ptr<T>> = std::is_polymorphic_v<T>;
template <class T>
inline constexpr bool is_polymorphic_pointer<std::shared_ptr<T>> = std::is_polymorphic_v<T>;
template <class T> inline constexpr bool is_array_pointer = false;
template <class T, class D>
inline constexpr bool is_array_pointer<std::unique_ptr<T, D>> = std::is_array_v<T>;
template <class T> inline constexpr bool is_array_pointer<std::shared_ptr<T>> = std::is_array_v<T>;

/// A class without virtual functions all of whose members are public and whose fields `count_fields` cannot
/// list because of a base class.
template <class T> constexpr bool has_base() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>)
    return false;
  else if constexpr (accepts_base<T>(std::index_sequence<>()))
    return true;
  else if constexpr (constexpr std::size_t flat = count_flat<T>(); flat == 0)
    return false;
  else
    return accepts_base<T>(std::make_index_sequence<flat - 1>());
}

/// Set for classes whose `serialize` is a base class's; see codec_classes.hpp.
template <class T> inline constexpr bool has_inherited_serialize = false;

/// Never true, but known only when T is.
template <class> inline constexpr bool picklable = false;

/// Stops the compilation because T cannot travel: Part is what is wrong, T itself or something inside it.
template <class T, class Part> constexpr void refuse() {
  if constexpr (std::is_member_pointer_v<T>)
    static_assert(picklable<T>,
                  "cohort: a pointer to member cannot travel to another process; name the member when "
                  "compiling: cohort::method<&T::f>");
  else if constexpr (std::is_pointer_v<T>)
    static_assert(picklable<T>,
                  "cohort: a raw pointer cannot travel to another process; send the value itself, a "
                  "std::unique_ptr or a cohort handle");
  else if constexpr (is_view<T>)
    static_assert(
        picklable<T>,
        "cohort: a view cannot travel to another process; send an owning std::string or std::vector");
  else if constexpr (is_reference<T>)
    static_assert(picklable<T>,
                  "cohort: a reference cannot travel to another process; send the object by value or a "
                  "cohort handle (mp::Value, mp::Array)");
  else if constexpr (is_std_function<T>)
    static_assert(picklable<T>,
                  "cohort: a std::function cannot travel to another process; send the function itself, or "
                  "bind its values with cohort::partial(f, values...)");
  else if constexpr (is_polymorphic_pointer<T>)
    static_assert(
        picklable<T>,
        "cohort: a pointer to a polymorphic class cannot travel to another process, for it may point to a "
        "derived object; send a std::variant of the derived classes or make the class final");
  else if constexpr (is_array_pointer<T>)
    static_assert(picklable<T>,
                  "cohort: a pointer to an array of unknown length cannot travel to another process; send a "
                  "std::vector");
  else if constexpr (std::is_union_v<T>)
    static_assert(picklable<T>,
                  "cohort: a union cannot travel to another process, for it does not say what it holds; send "
                  "a std::variant");
  else if constexpr (has_inherited_serialize<T>)
    static_assert(picklable<T>,
                  "cohort: this class has its serialize member from a base class, which does not know the "
                  "members added to it; give it one of its own");
  else if constexpr (has_base<T>())
    static_assert(picklable<T>,
                  "cohort: an aggregate with a base class cannot travel to another process by itself; make "
                  "the base a member, or give the class a serialize member");
  else
    static_assert(picklable<T>,
                  "cohort: this type is not Picklable: make it an aggregate of picklable members without a "
                  "raw pointer, or give it a serialize member");
}

/// Refuses an argument or a result that cannot travel.
template <class T> constexpr void check_value() {
  if constexpr (!std::is_void_v<T> && !pickles_v<T>) refuse<T>();
}

}  // namespace cohort::detail
