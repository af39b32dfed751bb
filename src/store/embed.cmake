# cmake -DOUT=FILE.c -DFILES="a.sql;b.sql" -P embed.cmake: the files as C string arrays, so
# that a program brings its schema along.
set(arrays "")
set(rows "")
set(expected 1)
foreach(file ${FILES})
	get_filename_component(name ${file} NAME_WE)
	string(REGEX MATCH "^0*([0-9]+)_" unused ${name})
	set(version ${CMAKE_MATCH_1})
	if(NOT version EQUAL expected)
		message(FATAL_ERROR "${file}: expected schema number ${expected}")
	endif()
	math(EXPR expected "${expected} + 1")
	file(READ ${file} bytes HEX)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
	string(REGEX REPLACE "(('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',)('[^']*',))"
		"\\1\n" bytes "${bytes}")
	string(APPEND arrays "static const char sql_${version}[] = {\n${bytes} '\\0'};\n")
	string(APPEND rows "\t{${version}, \"${name}\", sql_${version}},\n")
endforeach()
file(WRITE ${OUT} "/* made from schema/ by embed.cmake */\n#include \"migrate.h\"\n\n${arrays}
const struct migration migrations[] = {\n${rows}};
const size_t migration_count = sizeof(migrations) / sizeof(migrations[0]);\n")
