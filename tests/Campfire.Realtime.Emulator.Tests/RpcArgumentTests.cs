using System.Text;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RpcArgumentTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public Task CreateFunctions() => RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
        create function public.arg_uuid(p uuid) returns text language sql as $$ select p::text $$;
        create function public.arg_time(p timestamptz) returns text language sql as $$ select to_char(p at time zone 'utc', 'YYYY-MM-DD HH24:MI') $$;
        create function public.arg_ints(p int[]) returns text language sql as $$ select array_to_string(p, '+') $$;
        create function public.arg_texts(p text[]) returns text language sql as $$ select array_to_string(p, '+', 'null') $$;
        create function public.arg_jsonb(p jsonb) returns text language sql as $$ select coalesce(jsonb_typeof(p), 'SQL null') $$;
        create function public.arg_json(p json) returns json language sql as $$ select p $$;
        create function public.arg_bool(p boolean) returns text language sql as $$ select p::text $$;
        create function public.arg_numeric(p numeric) returns text language sql as $$ select p::text $$;
        create function public.arg_char(p char) returns text language sql as $$ select p::text $$;
        create function public.arg_variadic(variadic p int[]) returns text language sql as $$ select array_to_string(p, '+') $$;
        create function public.arg_defaults(a int, b int default 2, c int default 3) returns text language sql as $$ select concat_ws('-', a, b, c) $$;
        create function public.arg_optional(a int default 1) returns int language sql as $$ select a $$;
        create function public.arg_none() returns int language sql as $$ select 0 $$;
        create function public."arg Quoted""Name"("P 1" int) returns int language sql as $$ select "P 1" $$;
        create function public.arg_over(a int) returns text language sql as $$ select 'one' $$;
        create function public.arg_over(a int, b int) returns text language sql as $$ select 'two' $$;
        create function public.arg_over(a int, c text default 'c') returns text language sql as $$ select 'default' $$;
        create function public.arg_whole_json(json) returns json language sql as $$ select $1 $$;
        create function public.arg_whole_text(text) returns text language sql as $$ select $1 $$;
        create function public.arg_whole_bytes(bytea) returns int language sql as $$ select length($1) $$;
        create function public.arg_unnamed(int) returns int language sql as $$ select $1 $$;
        create function public.arg_out(a int, out b int, inout c int) language sql as $$ select a + 1, c + 1 $$;
        """);

    private const string Id = "0192d3a4-0000-7000-8000-00000000000f";

    [TestCase("arg_uuid", $$"""{"p":"{{Id}}"}""", $"\"{Id}\"")]
    [TestCase("arg_uuid", """{"p":null}""", "null")]
    [TestCase("arg_time", """{"p":"2026-01-02T03:04:05+01:00"}""", "\"2026-01-02 02:04\"")]
    [TestCase("arg_ints", """{"p":[1,2,3]}""", "\"1+2+3\"")]
    [TestCase("arg_ints", """{"p":"{1,2}"}""", "\"1+2\"")]
    [TestCase("arg_ints", """{"p":[]}""", "\"\"")]
    [TestCase("arg_texts", """{"p":["a","b,\"c\"",null]}""", "\"a+b,\\\"c\\\"+null\"")]
    [TestCase("arg_jsonb", """{"p":{"a":[1]}}""", "\"object\"")]
    [TestCase("arg_jsonb", """{"p":[1]}""", "\"array\"")]
    [TestCase("arg_jsonb", """{"p":"x"}""", "\"string\"")]
    [TestCase("arg_jsonb", """{"p":null}""", "\"SQL null\"")]
    [TestCase("arg_json", """{"p":{"b":1,"a":2}}""", """{"b":1,"a":2}""")]
    [TestCase("arg_bool", """{"p":true}""", "\"true\"")]
    [TestCase("arg_bool", """{"p":"yes"}""", "\"true\"")]
    [TestCase("arg_numeric", """{"p":12345678901234567890.123456789}""", "\"12345678901234567890.123456789\"")]
    [TestCase("arg_char", """{"p":"abc"}""", "\"abc\"")]
    [TestCase("arg_variadic", """{"p":[1,2]}""", "\"1+2\"")]
    [TestCase("arg_defaults", """{"a":1}""", "\"1-2-3\"")]
    [TestCase("arg_defaults", """{"a":1,"c":9}""", "\"1-2-9\"")]
    [TestCase("arg_optional", "{}", "1")]
    [TestCase("arg_optional", "", "1")]
    [TestCase("arg_optional", "[]", "1")]
    [TestCase("arg_optional", "5", "1")]
    [TestCase("arg_none", "", "0")]
    [TestCase("arg_none", "null", "0")]
    [TestCase("arg_optional", """[{"a":5},{"a":6}]""", "5")]
    [TestCase("arg%20Quoted%22Name", """{"P 1":4}""", "4")]
    [TestCase("arg_over", """{"a":1,"b":2}""", "\"two\"")]
    [TestCase("arg_over", """{"a":1,"c":"x"}""", "\"default\"")]
    [TestCase("arg_whole_json", """{"any":["thing"]}""", """{"any":["thing"]}""")]
    [TestCase("arg_whole_json", """[{"a":1}]""", """[{"a":1}]""")]
    [TestCase("arg_out", """{"a":1,"c":2}""", """{"b":2,"c":3}""")]
    public async Task Arguments_are_taken_from_a_json_body(string function, string body, string expected)
    {
        var answer = await RestAnswer.PostAsync(Emulator, $"rpc/{function}", body);

        Assert.That((answer.Status, answer.Text), Is.EqualTo((200, expected)));
    }

    [TestCase("arg_uuid?p=" + Id, $"\"{Id}\"")]
    [TestCase("arg_time?p=2026-01-02T03:04:05Z", "\"2026-01-02 03:04\"")]
    [TestCase("arg_ints?p={1,2,3}", "\"1+2+3\"")]
    [TestCase("arg_jsonb?p={\"a\":1}", "\"object\"")]
    [TestCase("arg_bool?p=true", "\"true\"")]
    [TestCase("arg_variadic?p=1&p=2&p=3", "\"1+2+3\"")]
    [TestCase("arg_defaults?a=1&c=9", "\"1-2-9\"")]
    [TestCase("arg_defaults?a=1&a=4", "\"4-2-3\"")]
    [TestCase("arg_texts?p={a%2Bb,%22c%20d%22}", "\"a+b+c d\"")]
    [TestCase("arg_none", "0")]
    public async Task Arguments_are_taken_from_the_query_of_a_get(string call, string expected)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}");

        Assert.That((answer.Status, answer.Text), Is.EqualTo((200, expected)));
    }

    [TestCase("arg_defaults", "application/x-www-form-urlencoded", "a=1&b=5", "\"1-5-3\"")]
    [TestCase("arg_variadic", "application/x-www-form-urlencoded", "p=1&p=2", "\"1+2\"")]
    [TestCase("arg_whole_text", "text/plain", "{not json", "\"{not json\"")]
    [TestCase("arg_whole_bytes", "application/octet-stream", "12345", "5")]
    [TestCase("arg_none", "application/json; charset=utf-8", "{}", "0")]
    [TestCase("arg_none", "", "{}", "0")]
    public async Task The_content_type_says_what_the_body_is(string function, string contentType, string body, string expected)
    {
        var answer = await RestAnswer.PostAsync(Emulator, $"rpc/{function}", body, contentType: contentType);

        Assert.That((answer.Status, answer.Text), Is.EqualTo((200, expected)));
    }

    [TestCase("arg_uuid", """{"p":"1"}""", 400, "22P02", "invalid input syntax for type uuid: \"1\"")]
    [TestCase("arg_time", """{"p":"soon"}""", 400, "22007", "invalid input syntax for type timestamp with time zone: \"soon\"")]
    [TestCase("arg_time", """{"p":"2026-13-40"}""", 400, "22008", "date/time field value out of range: \"2026-13-40\"")]
    [TestCase("arg_ints", """{"p":["x"]}""", 400, "22P02", "invalid input syntax for type integer: \"x\"")]
    [TestCase("arg_ints", """{"p":{"a":1}}""", 400, "22P02", "expected JSON array")]
    [TestCase("arg_bool", """{"p":"perhaps"}""", 400, "22P02", "invalid input syntax for type boolean: \"perhaps\"")]
    [TestCase("arg_defaults", """{"a":99999999999}""", 400, "22003", "value \"99999999999\" is out of range for type integer")]
    [TestCase("arg_defaults", """[{"a":1},{"b":1}]""", 400, "PGRST102", "All object keys must match")]
    [TestCase("arg_defaults", "[1]", 400, "PGRST102", "All object keys must match")]
    [TestCase("arg_defaults", "", 404, "PGRST202", "Could not find the function public.arg_defaults without parameters in the schema cache")]
    [TestCase("arg_defaults", "{\"a\":1", 400, "PGRST102", "Empty or invalid json")]
    [TestCase("arg_defaults", " ", 400, "PGRST102", "Empty or invalid json")]
    [TestCase("arg_unnamed", """{"a":1}""", 404, "PGRST202", "Could not find the function public.arg_unnamed(a) in the schema cache")]
    public async Task A_wrong_argument_is_400_with_the_databases_words(string function, string body, int status, string code, string message)
    {
        var answer = await RestAnswer.PostAsync(Emulator, $"rpc/{function}", body);

        Assert.That((answer.Status, answer.Code, (string?)answer.Json!["message"]), Is.EqualTo((status, code, message)));
    }

    [TestCase("arg_uuid?p=1", 400, "22P02")]
    [TestCase("arg_ints?p=1", 400, "22P02")]
    [TestCase("arg_uuid?q=1", 404, "PGRST202")]
    [TestCase("arg_whole_json?a=1", 404, "PGRST202")]
    public async Task A_wrong_argument_of_a_get_is_told(string call, int status, string code)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((status, code)));
    }

    [TestCase("image/png", 400, "PGRST102", "Content-Type not acceptable: image/png")]
    [TestCase("text/csv", 501, "PGRST127", "Feature not implemented")]
    [TestCase("text/xml", 404, "PGRST202", "Could not find the function public.arg_none in the schema cache")]
    public async Task A_content_type_that_the_function_cannot_take_is_told(string contentType, int status, string code, string message)
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/arg_none", "{}", contentType: contentType);

        Assert.That((answer.Status, answer.Code, (string?)answer.Json!["message"]), Is.EqualTo((status, code, message)));
    }

    [TestCase("arg_none", "application/json", 400, "PGRST102")]
    [TestCase("arg_whole_text", "text/plain", 400, "22021")]
    public async Task A_body_that_is_no_utf8_is_refused(string function, string contentType, int status, string code)
    {
        byte[] body = [.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        var answer = await RestAnswer.SendAsync(Emulator, HttpMethod.Post, $"rpc/{function}", new ByteArrayContent(body), contentType: contentType);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((status, code)));
    }

    [Test]
    public async Task Deep_json_is_refused_by_whoever_cannot_take_it()
    {
        var body = new StringBuilder("{\"p\":").Insert(5, "[", 100_000).Append(']', 100_000).Append('}').ToString();

        var answer = await RestAnswer.PostAsync(Emulator, "rpc/arg_jsonb", body);

        Assert.That((answer.Status, answer.Code), Is.EqualTo((400, "PGRST102")));
    }

    [Test]
    public async Task Two_functions_that_fit_are_300_with_both_named()
    {
        await RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
            create function public.arg_twice(a int) returns int language sql as $$ select 1 $$;
            create function public.arg_twice(a text) returns int language sql as $$ select 1 $$;
            create function public.arg_twice(a text, n int default 1) returns int language sql as $$ select 1 $$;
            """);

        var answer = await RestAnswer.PostAsync(Emulator, "rpc/arg_twice", """{"a":"x"}""");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((300, "PGRST203")));
        Assert.That((string?)answer.Json!["message"], Is.EqualTo(
            "Could not choose the best candidate function between: public.arg_twice(a => integer), public.arg_twice(a => text), public.arg_twice(a => text, n => integer)"));
    }
}
