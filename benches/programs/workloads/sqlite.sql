create table item (id integer primary key, name text, price real, kind integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
  insert into item select i, 'item ' || (i * 7919 % 60013), i * 0.25, i % 37 from n;
create index by_name on item (name);
select kind, count(*), sum(price), max(name) from item group by kind having kind % 9 = 0;
select count(*) from item a join item b on b.name = 'item ' || a.id where a.kind < 10;
update item set price = price * 2 where name like 'item 1%';
delete from item where kind = 5;
select count(*), total(price), group_concat(distinct kind) from item;
with recursive c(x, y) as (select 1, 1 union all select x + 1, (y * 31 + x) % 1000003 from c where x < 300000)
  select sum(y) from c;
