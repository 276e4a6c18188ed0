using Campfire.Realtime.Migrations.Examining;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

// Each breaks the database as its superuser, then looks and repairs as postgres, in a transaction that is rolled back.
[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class DoctorFindingTests
{
    private NpgsqlDataSource _database = null!;

    private static IEnumerable<TestCaseData> Damages => Damage.All.Select(damage =>
        new TestCaseData(damage).SetArgDisplayNames(damage.Code, string.Join(' ', damage.Break.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))));

    [OneTimeSetUp]
    public void Connect() => _database = NpgsqlDataSource.Create(DoctorSetUp.Emulator.AdminConnectionString);

    [OneTimeTearDown]
    public async Task DisconnectAsync() => await _database.DisposeAsync();

    [Test]
    public async Task Freshly_migrated_database_has_no_finding() =>
        Assert.That((await new CampfireDoctor(DoctorSetUp.Emulator.ConnectionString).ExamineAsync()).Findings, Is.Empty);

    // Functions take rows of these tables, so their signatures cannot be looked up.
    [TestCase("conversations")]
    [TestCase("messages")]
    [TestCase("realtime_conversations")]
    public Task Missing_table_is_told_and_hinders_no_other_check(string table) => InTransactionAsync(async connection =>
    {
        await connection.ExecuteAsync($"alter table public.{table} rename to elsewhere");

        IReadOnlyList<DoctorFinding> findings = await ExamineAsync(connection);

        Assert.That(findings.Where(finding => finding.Code == "table_missing").Select(finding => finding.Object), Is.EqualTo(new[] { $"public.{table}" }));
    });

    // Who may only leave makes himself no agent.
    [Test]
    public Task Policy_by_which_members_leave_is_no_finding() => InTransactionAsync(async connection =>
    {
        await connection.ExecuteAsync(
            """
            grant delete on public.organization_members to authenticated;
            create policy leave on public.organization_members for delete to authenticated using (user_id = auth.uid());
            """);

        Assert.That((await ExamineAsync(connection)).Select(finding => finding.Code), Does.Not.Contain("membership_writable"));
    });

    [TestCaseSource(nameof(Damages))]
    public Task Damage_is_found_alone_and_its_fix_repairs_it(object damage) => InTransactionAsync(async connection =>
    {
        Damage expected = (Damage)damage;
        await connection.ExecuteAsync(expected.Break);
        await connection.ExecuteAsync("set local session authorization postgres");

        IReadOnlyList<DoctorFinding> findings = await ExamineAsync(connection);

        Assert.That(findings.Select(finding => finding.Code), Is.EqualTo(new[] { expected.Code }), string.Join('\n', findings));
        DoctorFinding found = findings[0];
        Assert.That(found.Severity, Is.EqualTo(expected.Severity));
        Assert.That(found.Object, expected.Object is null ? Is.Not.Empty : Is.EqualTo(expected.Object));
        Assert.That(found.Message, Does.EndWith(".").And.Length.LessThan(300));
        if (found.Fix.StartsWith("--", StringComparison.Ordinal))
            return;

        if (expected.FixNeedsSuperuser)
            await connection.ExecuteAsync("reset session authorization");
        await connection.ExecuteAsync(found.Fix);
        Assert.That(await ExamineAsync(connection), Is.Empty, found.Fix);
    });

    [Test]
    public Task Triggers_come_back_as_they_were() => InTransactionAsync(async connection =>
    {
        const string definitions =
            """
            select pg_get_triggerdef(oid) from pg_trigger
            where tgrelid in ('public.conversations'::regclass, 'public.messages'::regclass) and not tgisinternal order by 1
            """;
        await connection.ExecuteAsync("set local session authorization postgres; set local search_path = ''");
        List<string> before = await connection.ListAsync<string>(definitions);
        foreach (Damage damage in Damage.Schema.Where(damage => damage.Code == "trigger_missing" && damage.Break.StartsWith("drop", StringComparison.Ordinal)))
            await connection.ExecuteAsync(damage.Break);

        IReadOnlyList<DoctorFinding> findings = await ExamineAsync(connection);
        foreach (DoctorFinding finding in findings)
            await connection.ExecuteAsync(finding.Fix);

        Assert.That(findings, Has.Count.EqualTo(before.Count));
        Assert.That(await connection.ListAsync<string>(definitions), Is.EqualTo(before));
    });

    [Test]
    public Task What_belongs_to_the_application_is_left_alone() => InTransactionAsync(async connection =>
    {
        await connection.ExecuteAsync(
            """
            create function public.theirs() returns trigger language plpgsql security definer as $$ begin return new; end $$;
            create function public.may_manage(p_organization_id uuid) returns boolean language sql as 'select false';
            create table public.theirs (id int primary key, tags text[], owner int references public.theirs);
            alter publication supabase_realtime add table public.theirs;
            grant all on public.theirs to anon;

            alter table public.conversations add column theirs jsonb, add column rating int references public.theirs;
            alter table public.messages add column theirs text;
            grant update (theirs) on public.conversations to authenticated;
            grant select (theirs), insert (theirs) on public.messages to anon;
            create trigger a_theirs before insert on public.messages for each row execute function public.theirs();
            alter table public.messages disable trigger a_theirs;
            create index theirs_index on public.messages (theirs);
            create policy theirs on public.conversations to authenticated using (organization_id = auth.uid());
            create policy theirs on public.messages for select to anon using (content = 'public');
            create policy nowhere on public.messages for delete to anon using (true);
            create policy theirs on realtime.messages for select to authenticated using (realtime.topic() = 'theirs');

            grant all on public.organizations, public.organization_members to anon, authenticated, service_role;
            create policy theirs on public.organizations for update to authenticated using (true);
            create policy theirs on public.organization_members to authenticated using (public.may_manage(organization_id));
            """);

        Assert.That(await ExamineAsync(connection), Is.Empty);
    });

    [Test]
    public Task Errors_come_before_warnings() => InTransactionAsync(async connection =>
    {
        await connection.ExecuteAsync(Damage.Platform[^1].Break);
        await connection.ExecuteAsync("delete from campfire.settings");

        Assert.That(
            (await ExamineAsync(connection)).Select(finding => finding.Code), Is.EqualTo(new[] { "settings_missing", "partition_missing" }));
    });

    private static Task<IReadOnlyList<DoctorFinding>> ExamineAsync(NpgsqlConnection connection) =>
        new DatabaseExamination(connection, new CampfireDoctorOptions(), CampfireMigrations.All).RunAsync(CancellationToken.None);

    private async Task InTransactionAsync(Func<NpgsqlConnection, Task> test)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await test(connection);
    }
}
