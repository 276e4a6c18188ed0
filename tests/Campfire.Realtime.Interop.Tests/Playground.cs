using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.Interop.Tests;

// What a project of its own would have besides Campfire: topics with simple rights, and functions of all shapes.
internal static class Playground
{
    public static async Task CreateAsync(CampfireEmulator emulator)
    {
        await using var database = NpgsqlDataSource.Create(emulator.ConnectionString);
        await using NpgsqlCommand command = database.CreateCommand(
            """
            create policy interop_read on realtime.messages for select to authenticated
                using ((select realtime.topic()) like 'interop:%');
            create policy interop_write on realtime.messages for insert to authenticated
                with check ((select realtime.topic()) like 'interop:open:%');

            create function public.interop_sum(a int, b int default 10) returns int language sql as $$ select a + b $$;
            create function public.interop_text(value text) returns text language sql as $$ select value $$;
            create function public.interop_json(value jsonb) returns jsonb language sql as $$ select value $$;
            create function public.interop_rows(up_to int) returns table (n int, square int) language sql as
                $$ select i, i * i from generate_series(1, up_to) i $$;
            create function public.interop_numbers("values" int[]) returns bigint language sql as $$ select sum(v) from unnest("values") v $$;
            create function public.interop_nothing() returns void language sql as $$ select $$;
            create function public.interop_who() returns jsonb language sql as
                $$ select jsonb_build_object('role', current_user, 'sub', current_setting('request.jwt.claims')::jsonb ->> 'sub') $$;
            create function public.interop_fail(state text) returns void language plpgsql as
                $$ begin raise exception using errcode = state, message = 'what', detail = 'why', hint = 'how'; end $$;
            """);
        await command.ExecuteNonQueryAsync();
    }
}
