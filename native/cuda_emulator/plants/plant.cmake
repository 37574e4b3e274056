# Mistakes planted in kernels, by changing the text of a copy: native/cuda itself knows nothing of them.
#
#   plant(NAME KERNEL FILE BEFORE AFTER)        in FILE, where BEFORE stands once, AFTER takes its place
#   plant_each(NAME KERNEL FILE BEFORE AFTER)   the same for every place of BEFORE: NAME.1, NAME.2, …
#
# FILE and KERNEL, the file that has the kernel, are paths below native/cuda. NAME begins with the kernel's name without srv_ and a dot: of the file's kernels that one alone is
# compiled, and srv_x becomes srv_x~NAME beside srv_x in the emulator's library.
# A text that is no longer there, or there more often than once, stops the build: the list must keep up with the kernels.
set(plant_source ${CMAKE_CURRENT_SOURCE_DIR}/../cuda)
set(plant_build ${CMAKE_CURRENT_BINARY_DIR}/plants)
file(GLOB_RECURSE plant_inputs CONFIGURE_DEPENDS ${plant_source}/*.cuh ${plant_source}/*.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${plant_inputs})

# Compiled for short: they run on small cases only, and a mistake may leave things unused.
add_library(emulator_plants OBJECT)
emulator_kernels(emulator_plants)
target_compile_options(emulator_plants PRIVATE -O1 -g0 -w)

# Writes only what has changed, so that only that is compiled again.
function(plant_write file text)
    set(old "")
    if(EXISTS ${file})
        file(READ ${file} old)
    endif()
    if(NOT text STREQUAL old)
        file(WRITE ${file} "${text}")
    endif()
endfunction()

# The copy of all sources with FILE changed at AT, a byte's index of TEXT.
function(plant_at name kernel file before after text at)
    set(folder ${plant_build}/${name})
    file(COPY ${plant_source}/ DESTINATION ${folder} FILES_MATCHING PATTERN *.cuh PATTERN *.h PATTERN ptx_table EXCLUDE REGEX "/${file}$" EXCLUDE)
    string(LENGTH "${before}" length)
    math(EXPR rest "${at} + ${length}")
    string(SUBSTRING "${text}" 0 ${at} head)
    string(SUBSTRING "${text}" ${rest} -1 tail)
    plant_write(${folder}/${file} "${head}${after}${tail}")
    string(REGEX REPLACE "[.].*" "" only "srv_${name}")
    plant_write(${folder}/plant.cpp "#define SRV_KERNEL_SUFFIX \"~${name}\"\n#define SRV_KERNEL_ONLY \"${only}\"\n#include \"${kernel}\"\n")
    target_sources(emulator_plants PRIVATE ${folder}/plant.cpp)
endfunction()

function(plant name kernel file before after)
    file(READ ${plant_source}/${file} text)
    string(FIND "${text}" "${before}" at)
    string(FIND "${text}" "${before}" last REVERSE)
    if(at EQUAL -1 OR NOT at EQUAL last)
        message(FATAL_ERROR "plant ${name}: its text must stand in ${file} exactly once")
    endif()
    plant_at(${name} ${kernel} ${file} "${before}" "${after}" "${text}" ${at})
endfunction()

function(plant_each name kernel file before after)
    file(READ ${plant_source}/${file} text)
    set(number 0)
    set(from 0)
    while(TRUE)
        string(SUBSTRING "${text}" ${from} -1 tail)
        string(FIND "${tail}" "${before}" at)
        if(at EQUAL -1)
            break()
        endif()
        math(EXPR at "${from} + ${at}")
        math(EXPR from "${at} + 1")
        math(EXPR number "${number} + 1")
        plant_at(${name}.${number} ${kernel} ${file} "${before}" "${after}" "${text}" ${at})
    endwhile()
    if(number EQUAL 0)
        message(FATAL_ERROR "plant ${name}: its text does not stand in ${file}")
    endif()
endfunction()
