# The targets `wasmer::wasmer` (shared) and `wasmer::static`, wherever the archive was unpacked.

get_filename_component(WASMER_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET wasmer::wasmer)
  add_library(wasmer::wasmer SHARED IMPORTED)
  set_target_properties(wasmer::wasmer PROPERTIES
    IMPORTED_LOCATION "${WASMER_PREFIX}/lib/libwasmer.so"
    IMPORTED_SONAME "libwasmer.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${WASMER_PREFIX}/include")
endif()

if(NOT TARGET wasmer::static)
  add_library(wasmer::static STATIC IMPORTED)
  set_target_properties(wasmer::static PROPERTIES
    IMPORTED_LOCATION "${WASMER_PREFIX}/lib/libwasmer.a"
    INTERFACE_INCLUDE_DIRECTORIES "${WASMER_PREFIX}/include"
    INTERFACE_LINK_LIBRARIES "pthread;dl;m;rt;util;gcc_s")
endif()
