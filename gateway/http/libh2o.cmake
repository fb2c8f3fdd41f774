# SPDX-License-Identifier: Apache-2.0
# Which of the two libh2o was found (gateway/http/http_h2o.h). The pkg-config file of upstream's source names no version.
# Sets ACMEGATE_H2O_KIND: 2_2 or 2_3.
find_file(ACMEGATE_H2O_VERSION_HEADER h2o/version.h HINTS ${H2O_INCLUDE_DIRS} REQUIRED NO_CACHE)
file(STRINGS ${ACMEGATE_H2O_VERSION_HEADER} version REGEX "^#define H2O_VERSION(_BASE)? +\"")
file(STRINGS ${ACMEGATE_H2O_VERSION_HEADER} minor REGEX "^#define H2O_LIBRARY_VERSION_MINOR ")
string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${version}")
string(REGEX REPLACE ".* ([0-9]+)$" "\\1" minor "${minor}")
if(minor EQUAL 13)
    set(ACMEGATE_H2O_KIND 2_2)
elseif(minor GREATER_EQUAL 16)
    set(ACMEGATE_H2O_KIND 2_3)
else()
    message(FATAL_ERROR "libh2o ${version} (library version 0.${minor}) at ${ACMEGATE_H2O_VERSION_HEADER} is not known "
        "here: 2.2.5 is, and upstream's source as of 2026; see docs/building.md")
endif()
message(STATUS "libh2o ${version}: ${H2O_LINK_LIBRARIES}")

if(ACMEGATE_H2O_KIND STREQUAL 2_3)
    if(NOT H2O_LINK_LIBRARIES MATCHES "\\.a(;|$)")
        message(FATAL_ERROR "libh2o ${version} has to be static, because its calls of phr_parse_request are replaced; "
            "gateway/packaging/build-libh2o makes it so")
    endif()
    # http_h2o_2_3.c reads each head where libh2o reads it.
    target_link_options(PkgConfig::H2O INTERFACE LINKER:--wrap=phr_parse_request)
endif()
