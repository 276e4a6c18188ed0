using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RpcResultTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public Task CreateFunctions() => RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
        create type public.res_point as (x int, y int);
        create function public.res_text() returns text language sql stable as $$ select 'a"b' $$;
        create function public.res_null() returns text language sql stable as $$ select null::text $$;
        create function public.res_time() returns timestamptz language sql stable as $$ select '2026-01-02 03:04:05.5+00'::timestamptz $$;
        create function public.res_array() returns int[] language sql stable as $$ select array[1, 2] $$;
        create function public.res_composite() returns public.res_point language sql stable as $$ select 1, 2 $$;
        create function public.res_no_composite() returns public.res_point language sql stable as $$ select null::public.res_point $$;
        create function public.res_composites() returns setof public.res_point language sql stable as $$ values (1, 2), (3, null::int) $$;
        create function public.res_table(n int default 3) returns table (id int, name text) language sql stable as $$ select i, 'n' || i from generate_series(1, n) as i $$;
        create function public.res_texts() returns setof text language sql stable as $$ values ('a'), ('b') $$;
        create function public.res_nothing() returns setof text language sql stable as $$ select 'a' where false $$;
        create function public.res_void() returns void language sql stable as $$ select $$;
        create table public.res_log (id int);
        create function public.res_write() returns int language sql security definer as $$ insert into public.res_log values (1) returning id $$;
        create function public.res_write_many() returns setof int language sql security definer as $$ insert into public.res_log values (2), (3) returning id $$;
        create function public.res_stable_write() returns int language sql stable as $$ select public.res_write() $$;
        create function public.res_shaped(p_status text, p_headers text) returns text language sql as
            $$ select set_config('response.status', p_status, true) || set_config('response.headers', p_headers, true) $$;
        create function public.res_request() returns jsonb language sql stable as
            $$ select jsonb_build_object('method', current_setting('request.method'), 'path', current_setting('request.path'),
                                         'header', current_setting('request.headers')::jsonb ->> 'x-mine', 'cookie', current_setting('request.cookies')::jsonb ->> 'c',
                                         'zone', current_setting('timezone')) $$;
        """);

    [TestCase("res_text", "\"a\\\"b\"", "0-0/*")]
    [TestCase("res_null", "null", "0-0/*")]
    [TestCase("res_time", "\"2026-01-02T03:04:05.5+00:00\"", "0-0/*")]
    [TestCase("res_array", "[1,2]", "0-0/*")]
    [TestCase("res_composite", """{"x":1,"y":2}""", "0-0/*")]
    [TestCase("res_no_composite", """{"x":null,"y":null}""", "0-0/*")]
    [TestCase("res_texts", """["a", "b"]""", "0-1/*")]
    [TestCase("res_nothing", "[]", "*/*")]
    [TestCase("res_table?n=1", """[{"id":1,"name":"n1"}]""", "0-0/*")]
    public async Task Results_have_the_shape_of_the_functions_type(string call, string expected, string range)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}");

        Assert.That((answer.Status, answer.Text, answer.ContentRange), Is.EqualTo((200, expected, range)));
        Assert.That(answer.ContentHeaders.ContentType!.ToString(), Is.EqualTo("application/json; charset=utf-8"));
    }

    [Test]
    public async Task Rows_of_a_composite_are_objects_in_an_array()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/res_composites", "{}");

        Assert.That(answer.Json!.ToJsonString(), Is.EqualTo("""[{"x":1,"y":2},{"x":3,"y":null}]"""));
    }

    [TestCase("POST")]
    [TestCase("GET")]
    public async Task Void_is_204_without_a_body(string method)
    {
        var answer = await RestAnswer.SendAsync(Emulator, new HttpMethod(method), "rpc/res_void", content: null);

        Assert.That((answer.Status, answer.Text), Is.EqualTo((204, "")));
    }

    [TestCase("res_table", "count=exact", 200, "0-2/3")]
    [TestCase("res_table", "count=estimated", 200, "0-2/3")]
    [TestCase("res_table", "count=planned", 200, "0-2/*")]
    [TestCase("res_table?limit=2", "count=exact", 206, "0-1/3")]
    [TestCase("res_table?limit=2&offset=2", "count=exact", 206, "2-2/3")]
    [TestCase("res_table?limit=0", "count=exact", 206, "*/3")]
    [TestCase("res_nothing", "count=exact", 200, "*/0")]
    [TestCase("res_composite", "count=exact", 200, "0-0/1")]
    [TestCase("res_table?limit=2", "", 200, "0-1/*")]
    [TestCase("res_table?limit=x", "", 200, "0-2/*")]
    [TestCase("res_table?offset=9", "count=exact", 416, "")]
    [TestCase("res_table?limit=-1", "", 416, "")]
    public async Task A_count_and_a_range_are_told(string call, string prefer, int status, string range)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}", token: null, ("Prefer", prefer));

        Assert.That((answer.Status, answer.ContentRange ?? ""), Is.EqualTo((status, range)));
        if (status < 300 && prefer.Length > 0)
            Assert.That(answer.Headers.GetValues("Preference-Applied"), Is.EqualTo(new[] { prefer }));
        if (status == 416)
            Assert.That(answer.Code, Is.EqualTo("PGRST103"));
    }

    [TestCase("1-1", 206, "1-1/3")]
    [TestCase("1-", 206, "1-2/3")]
    [TestCase("0-9", 200, "0-2/3")]
    [TestCase("2-1", 416, "")]
    public async Task The_header_range_counts_with_get(string range, int status, string expected)
    {
        var answer = await RestAnswer.GetAsync(Emulator, "rpc/res_table", token: null, ("Range", range), ("Prefer", "count=exact"));

        Assert.That((answer.Status, answer.ContentRange ?? ""), Is.EqualTo((status, expected)));
    }

    [TestCase("res_table", 200, "0-2/3")]
    [TestCase("res_text", 200, "0-0/1")]
    [TestCase("res_nowhere", 404, "")]
    public async Task Head_answers_like_get_without_a_body(string call, int status, string range)
    {
        var answer = await RestAnswer.SendAsync(
            Emulator, HttpMethod.Head, $"rpc/{call}", content: null, token: null, key: null, "", ("Prefer", "count=exact"));

        Assert.That((answer.Status, answer.Text, answer.ContentRange ?? ""), Is.EqualTo((status, "", range)));
    }

    [Test]
    public async Task Get_does_not_write()
    {
        var answer = await RestAnswer.GetAsync(Emulator, "rpc/res_write");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((405, "25006")));
    }

    [Test]
    public async Task A_stable_function_does_not_write_either()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/res_stable_write", "{}");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((405, "25006")));
    }

    [TestCase("res_table?n=1", "application/vnd.pgrst.object+json", 200, """{"id":1,"name":"n1"}""")]
    [TestCase("res_text", "application/vnd.pgrst.object+json", 200, "\"a\\\"b\"")]
    [TestCase("res_composites", "application/vnd.pgrst.array+json;nulls=stripped", 200, """[{"x":1,"y":2},{"x":3}]""")]
    [TestCase("res_text", "text/html, application/json;q=0.5", 200, "\"a\\\"b\"")]
    [TestCase("res_text", "*/*", 200, "\"a\\\"b\"")]
    public async Task The_accepted_type_shapes_the_result(string call, string accept, int status, string expected)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}", token: null, ("Accept", accept));

        Assert.That((answer.Status, answer.Json?.ToJsonString().Replace("\\u0022", "\\\"", StringComparison.Ordinal)), Is.EqualTo((status, expected)));
    }

    [TestCase("res_table", "application/vnd.pgrst.object+json", 406, "PGRST116", "The result contains 3 rows")]
    [TestCase("res_nothing", "application/vnd.pgrst.object+json", 406, "PGRST116", "The result contains 0 rows")]
    [TestCase("res_text", "image/png", 406, "PGRST107", null)]
    [TestCase("res_text", "text/csv", 501, "PGRST127", "The Campfire emulator does not serve results as text/csv.")]
    public async Task A_type_that_cannot_be_had_is_told(string call, string accept, int status, string code, string? details)
    {
        var answer = await RestAnswer.GetAsync(Emulator, $"rpc/{call}", token: null, ("Accept", accept));

        Assert.That((answer.Status, answer.Code, (string?)answer.Json!["details"]), Is.EqualTo((status, code, details)));
    }

    [TestCase("res_write_many", "handling=strict, max-affected=1", 400, "PGRST124")]
    [TestCase("res_write", "handling=strict, max-affected=1", 400, "PGRST128")]
    [TestCase("res_write_many", "handling=strict, whatever", 400, "PGRST122")]
    public async Task A_strict_preference_that_is_not_met_stores_nothing(string function, string prefer, int status, string code)
    {
        var before = await RestAnswer.ExecuteAsync(Emulator.ConnectionString, "select count(*) from public.res_log");

        var answer = await RestAnswer.PostAsync(Emulator, $"rpc/{function}", "{}", null, null, "application/json", ("Prefer", prefer));

        Assert.That((answer.Status, answer.Code), Is.EqualTo((status, code)));
        Assert.That(await RestAnswer.ExecuteAsync(Emulator.ConnectionString, "select count(*) from public.res_log"), Is.EqualTo(before));
    }

    [TestCase("return=minimal, whatever, tx=rollback", null)]
    [TestCase("timezone=Nowhere/Else", null)]
    [TestCase("timezone=Europe/Berlin", "timezone=Europe/Berlin")]
    [TestCase("handling=lenient,count=exact", "count=exact, handling=lenient")]
    public async Task Other_preferences_are_tolerated(string prefer, string? applied)
    {
        var answer = await RestAnswer.GetAsync(Emulator, "rpc/res_text", token: null, ("Prefer", prefer));

        Assert.That(answer.Status, Is.EqualTo(200));
        Assert.That(answer.Headers.TryGetValues("Preference-Applied", out var values) ? values.Single() : null, Is.EqualTo(applied));
    }

    [Test]
    public async Task A_function_can_see_the_request()
    {
        var answer = await RestAnswer.GetAsync(
            Emulator, "rpc/res_request", token: null, ("X-Mine", "yes"), ("Cookie", "c=d"), ("Prefer", "timezone=Europe/Berlin"));

        Assert.That(answer.Json!.ToJsonString(), Is.EqualTo("""{"path":"/rpc/res_request","zone":"Europe/Berlin","cookie":"d","header":"yes","method":"GET"}"""));
    }

    [Test]
    public async Task A_function_can_set_the_status_and_headers_of_its_answer()
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/res_shaped", """{"p_status":"201","p_headers":"[{\"X-Made\": \"here\"}]"}""");

        Assert.That((answer.Status, answer.Headers.GetValues("X-Made").Single()), Is.EqualTo((201, "here")));
    }

    [TestCase("x", "[]", "PGRST112")]
    [TestCase("200", "{}", "PGRST111")]
    [TestCase("200", "[{\\\"a\\\":1}]", "PGRST111")]
    [TestCase("200", "nonsense", "PGRST111")]
    public async Task A_function_that_sets_nonsense_is_told(string status, string headers, string code)
    {
        var answer = await RestAnswer.PostAsync(Emulator, "rpc/res_shaped", $$"""{"p_status":"{{status}}","p_headers":"{{headers}}"}""");

        Assert.That((answer.Status, answer.Code), Is.EqualTo((500, code)));
    }

    [TestCase("GET", "res_table?select=id", 501, "PGRST127")]
    [TestCase("GET", "res_table?id=eq.1", 501, "PGRST127")]
    [TestCase("GET", "res_table?id=not.in.(1,2)", 501, "PGRST127")]
    [TestCase("GET", "res_table?order=id.desc", 501, "PGRST127")]
    [TestCase("GET", "res_table?or=(id.eq.1,id.eq.2)", 501, "PGRST127")]
    [TestCase("GET", "res_table?select=*", 200, null)]
    [TestCase("POST", "res_table?select=id", 501, "PGRST127")]
    [TestCase("POST", "res_table?n=5", 400, "PGRST100")]
    [TestCase("PATCH", "res_table", 405, "PGRST101")]
    [TestCase("PUT", "res_table", 405, "PGRST101")]
    [TestCase("DELETE", "res_table", 405, "PGRST101")]
    public async Task What_is_not_served_is_said(string method, string call, int status, string? code)
    {
        var answer = await RestAnswer.SendAsync(Emulator, new HttpMethod(method), $"rpc/{call}", content: null);

        Assert.That((answer.Status, status == 200 ? null : answer.Code), Is.EqualTo((status, code)));
    }

    [TestCase("Accept-Profile", "public", 200, null)]
    [TestCase("Accept-Profile", "auth", 406, "PGRST106")]
    [TestCase("Accept-Profile", "graphql_public", 404, "PGRST202")]
    public async Task A_schema_may_be_named_when_it_is_exposed(string header, string schema, int status, string? code)
    {
        var answer = await RestAnswer.GetAsync(Emulator, "rpc/res_text", token: null, (header, schema));

        Assert.That((answer.Status, status == 200 ? null : answer.Code), Is.EqualTo((status, code)));
    }
}
